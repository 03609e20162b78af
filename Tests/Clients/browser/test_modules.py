"""The client's own parsers, run in the browser from the modules that the server serves."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page

if TYPE_CHECKING:
    from conftest import Server

ANSWER = """## Steps

The key is rotated **every 90 days** by the *platform* team [1]. Do it in this order [1, 2]:

1. Create the new key
2. Publish both
   - old: `kid=a`
   - new: `kid=b`

   and wait
3. Remove the old one
plus a lazy line

```swift
let a = [1]
# not a heading

```
> quoted **text**
> and more

| Step | Owner |
|------|-------|
| a    | b [2] |

---
Last\\*line with <b>tags</b>, unknown [9], [link](https://example.com/x) and ![img](https://example.com/i.png)
"""

RENDER = """async (text) => {
  const { markdownNodes } = await import('/markdown.js');
  const host = document.createElement('div');
  host.append(...markdownNodes(text, { citation: (marker) => {
    if (marker > 2) return null;
    const node = document.createElement('button');
    node.textContent = `cite ${marker}`;
    return node;
  } }));
  document.body.append(host);
  return host.innerHTML;
}"""

STREAM = """async (pieces) => {
  const { MarkdownStream } = await import('/markdown.js');
  const host = document.createElement('div');
  const stream = new MarkdownStream(host, { citation: (marker) => {
    if (marker > 2) return null;
    const node = document.createElement('button');
    node.textContent = `cite ${marker}`;
    return node;
  } });
  const kept = [];
  for (const piece of pieces) {
    const first = host.firstElementChild;
    stream.append(piece);
    kept.push(first !== null && first === host.firstElementChild);
  }
  return { html: host.innerHTML, kept: kept.filter(Boolean).length };
}"""


@pytest.fixture
def modules(server: Server, page: Page) -> Page:
    page.goto(server.url)
    return page


@pytest.mark.parametrize(("source", "expected"), [
    ("a **b** *c* _d_ ~~e~~ `f`", "<p>a <strong>b</strong> <em>c</em> <em>d</em> <del>e</del> <code>f</code></p>"),
    ("snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>"),
    ("***both***", "<p><strong><em>both</em></strong></p>"),
    ("# One\n### Two #", "<h3>One</h3><h5>Two</h5>"),
    ("#no heading", "<p>#no heading</p>"),
    ("- a\n- b\n  - c\n\n  d", "<ul><li>a</li><li>b<ul><li>c</li></ul><p>d</p></li></ul>"),
    ("- a\n  ```\n  x\n\n\n  y\n  ```",
     '<ul><li>a<pre tabindex="0" role="region" aria-label="Code"><code>x\n\n\ny</code></pre></li></ul>'),
    ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
    ("Known [1] and [1,2] but not [9], [x] or `[1]`",
     "<p>Known&nbsp;<button>cite 1</button> and&nbsp;<button>cite 1</button><button>cite 2</button>"
     " but not [9], [x] or <code>[1]</code></p>"),
    ("line  \nbreak\\\nagain\nsoft", "<p>line<br>break<br>again\nsoft</p>"),
    ("<script>alert(1)</script> &amp;", "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp;</p>"),
    ("[click](javascript:alert(1))", "<p>click</p>"),
    ("[here](/docs)", ""),
    ("unclosed **bold and [link](", "<p>unclosed **bold and [link](</p>"),
])
def test_markdown_becomes_nodes(modules: Page, server: Server, source: str, expected: str) -> None:
    if source.startswith("[here]"):
        expected = f'<p><a href="{server.url}/docs">here</a></p>'
    assert modules.evaluate(RENDER, source) == expected


def test_links_and_images_of_elsewhere_are_text_until_they_are_opened(modules: Page) -> None:
    requested: list[str] = []
    modules.on("request", lambda request: requested.append(request.url))
    html = modules.evaluate(
        RENDER, "See [the notes](https://example.com/notes) and ![a map](https://example.com/map.png)")
    assert "href" not in html
    assert "<img" not in html
    modules.get_by_role("button", name="the notes").click()
    link = modules.get_by_role("link", name="https://example.com/notes")
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    assert [url for url in requested if "example.com" in url] == []


def test_an_answer_that_grows_in_any_pieces_ends_as_if_it_had_come_whole(modules: Page) -> None:
    whole = modules.evaluate(RENDER, ANSWER)
    generator = random.Random(2)
    for _ in range(60):
        cuts = sorted(generator.sample(range(1, len(ANSWER)), generator.randint(1, 60)))
        pieces = [ANSWER[start:end] for start, end in zip([0, *cuts], [*cuts, len(ANSWER)])]
        assert modules.evaluate(STREAM, pieces)["html"] == whole, pieces


def test_blocks_that_are_complete_are_not_made_again(modules: Page) -> None:
    # The heading is complete, and stays the node that it is, once a whole line stands below it.
    complete = ANSWER.index("[1, 2]:\n") + len("[1, 2]:\n")
    assert modules.evaluate(STREAM, list(ANSWER))["kept"] == len(ANSWER) - complete


def test_hostile_markdown_ends(modules: Page) -> None:
    for source in (
        ">" * 20_000, "*a **b " * 5_000, "[" * 20_000, "- " * 10_000, "`" * 19_999, "![" * 10_000, "| " * 10_000,
        "- a\n" + "\n" * 20_000 + "x",
    ):
        assert modules.evaluate(RENDER, source) != ""


def test_events_are_read_however_the_bytes_are_cut(modules: Page) -> None:
    source = (
        ': hello\r\n\r\nid: 1\r\nevent: delta\r\ndata: {"text":"naïve 🔑"}\r\n\r\n'
        "id:2\ndata:a\ndata: b\n\ndata\n\nevent: x\n\n: end\ndata: cut")
    expected = [
        {"type": "delta", "id": "1", "data": '{"text":"naïve 🔑"}'}, {"type": "message", "id": "2", "data": "a\nb"},
        {"type": "message", "id": "2", "data": ""},
    ]
    script = """async ({ bytes, size }) => {
      const { eventsOf } = await import('/sse.js');
      const pieces = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(new Uint8Array(bytes.slice(at, at + size)));
      const body = new ReadableStream({ pull(controller) {
        if (pieces.length === 0) controller.close(); else controller.enqueue(pieces.shift());
      } });
      const events = [];
      for await (const event of eventsOf(body)) events.push(event);
      return events;
    }"""
    for size in (1, 2, 3, 7, 1000):
        assert modules.evaluate(script, {"bytes": list(source.encode()), "size": size}) == expected


def test_passages_are_cut_at_bytes(modules: Page) -> None:
    text = "\ufeffa🔑é\nend"
    script = """async ({ bytes, ranges }) => {
      const { cut, rangesOf } = await import('/passage.js');
      return cut(new Uint8Array(bytes), rangesOf(ranges));
    }"""
    for ranges, expected in {
        "4-11": [("\ufeffa", False), ("🔑é\n", True), ("end", False)],
        "11-12,3-4": [("\ufeff", False), ("a", True), ("🔑é\n", False), ("e", True), ("nd", False)],
        "3-8,4-10": [("\ufeff", False), ("a🔑", True), ("é", True), ("\nend", False)],
        "0-10000": [(text, True)],
        "12-4": [(text[:-2], False), ("nd", False)],
        "": [(text, False)],
    }.items():
        pieces = modules.evaluate(script, {"bytes": list(text.encode()), "ranges": ranges})
        assert [(piece["text"], piece["marked"]) for piece in pieces] == expected, ranges
