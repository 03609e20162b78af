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


def test_when_to_try_again_is_read_from_seconds_or_a_date(modules: Page) -> None:
    script = """async ([header, now]) => (await import('/limits.js')).retryTime(header, now)"""
    now = 1_700_000_000_000
    for header, time in {
        "5": now + 5000, " 0 ": now, "2678400": now + 2_678_400_000, "Tue, 14 Nov 2023 22:14:20 GMT": now + 60_000,
        "": 0, "soon": 0, "-3": 0,
    }.items():
        assert modules.evaluate(script, [header, now]) == time, header
    assert modules.evaluate(script, [None, now]) == 0


def test_refusals_are_said_without_the_time_that_has_gone_by(modules: Page) -> None:
    script = "async (error) => (await import('/limits.js')).wordsOf(error)"
    exhausted = {"code": "resource_exhausted"}
    for message, title, text in (
        ("Your organisation has used up the budget of this month (budget): an admin may raise or override it, or try again "
         "in 40 h.", "The budget of this month is used up",
         "Your organisation has used up the budget of this month: an admin may raise or override it."),
        ("This API key may use 9 tokens a day, and too few of them are left for this (tokensPerDay): try again in 3 min.",
         "The tokens of today are used up", "This API key may use 9 tokens a day, and too few of them are left for this."),
        # Another limit of the server's, whose words are shown as they are.
        ("Too many sign-ins at once; try again.", "", "Too many sign-ins at once; try again."),
        ("The body may have at most 9 bytes (really).", "", "The body may have at most 9 bytes (really)."),
    ):
        words = modules.evaluate(script, exhausted | {"message": message})
        assert (words["title"], words["text"]) == (title, text)
    other = modules.evaluate(script, {"code": "not_found", "message": "Gone (budget)."})
    assert (other["title"], other["text"]) == ("", "Gone (budget).")


def test_amounts_are_read_exactly_and_shown_as_precisely_as_they_are_small(modules: Page) -> None:
    read = "async (text) => (await import('/format.js')).microsOf(text)"
    for text, micros in {
        "250": "250000000", "12.50": "12500000", " 12,5 ": "12500000", "0": "0", "0.000001": "1",
        "9999999999.999999": "9999999999999999", "": None, "-1": None, "1.0000001": None, "1e3": None, "1,000.00": None,
        "12345678901": None, ".5": None, "5.": None,
    }.items():
        assert modules.evaluate(read, text) == micros, text
    shown = "async (micros) => (await import('/format.js')).money(micros, 'EUR')"
    for micros, text in {
        0: "0.00", 1: "0.000001", 12_300: "0.0123", 12_345: "0.0123", 9_999: "0.009999", 500_000: "0.50",
        1_234_567_890: "1,234.57", -2_500_000: "-2.50",
    }.items():
        assert modules.evaluate(shown, micros) == f"EUR\u00a0{text}", micros
    typed = "async (micros) => (await import('/format.js')).amountText(micros)"
    for micros, text in {0: "0", 1: "0.000001", 100_000_000: "100", 12_500_000: "12.5"}.items():
        assert modules.evaluate(typed, micros) == text


def test_how_long_is_rounded_up(modules: Page) -> None:
    script = "async (milliseconds) => (await import('/format.js')).duration(milliseconds)"
    for milliseconds, text in {
        1: "1 second", 1000: "1 second", 1001: "2 seconds", 119_000: "119 seconds", 119_001: "2 minutes",
        7_200_000: "120 minutes", 7_200_001: "3 hours", 172_800_000: "48 hours", 172_800_001: "3 days",
        2_678_400_000: "31 days",
    }.items():
        assert modules.evaluate(script, milliseconds) == text, milliseconds


def test_days_and_months_without_use_are_there(modules: Page) -> None:
    script = """async ([usage, isByMonth]) => {
      const { filled } = await import('/usage.js');
      return filled(usage, isByMonth).map(({ name, totals }) => [name, totals.tokens]);
    }"""
    totals = {"requests": 1, "prompt": 2, "completion": 3, "tokens": 5, "cost": 0}
    usage = {
        "firstDay": "2028-02-28", "lastDay": "2028-03-02",
        "days": [{"name": "2028-02-29", "totals": totals}, {"name": "2028-03-02", "totals": totals}],
    }
    assert modules.evaluate(script, [usage, False]) == [
        ["2028-02-28", 0], ["2028-02-29", 5], ["2028-03-01", 0], ["2028-03-02", 5]]
    assert modules.evaluate(script, [usage, True]) == [["2028-02", 5], ["2028-03", 5]]
