"""The main job in a browser, from sign-up to a passage that is exactly the source's bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from conftest import Server

TITLE = "Rotation of the signing keys"
# Characters of one to four bytes, so that bytes, UTF-16 units and characters all count differently.
TEXT = """# Rotation of the signing keys

Häufige Fragen — “naïve” reviewers ask them every year 🔑🔑.

The signing keys are rotated every ninety days by the platform team, coöperating with Zoë’s café crew 🎉.

A token that was signed with an old key stays valid for one day, 日本語 included.

""" + "\n\n".join(
    f"Chapter {number}: the gateway refreshes its cached certificates in the background." for number in range(40)
) + "\n\nWhen the vault is sealed, the on-call engineer postpones the rotation and tells Łukasz.\n"
QUESTION = "How often are the signing keys rotated, and by whom?"


def submit(page: Page, title: str, text: str) -> None:
    page.get_by_role("link", name="Submit", exact=True).click()
    page.get_by_label("Title").fill(title)
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_role("status").filter(has_text="waits for review")).to_be_visible()


def token_of(page: Page) -> str:
    return page.evaluate("JSON.parse(localStorage.getItem('opentier.session')).token")


def test_sign_up_submit_approve_ask_and_open_the_citation(
    server: Server, page: Page, violations: Callable[[Page], list[str]]
) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Password").fill("too short")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert")).to_contain_text("10 characters")
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="What do you want to know?")).to_be_visible()

    submit(page, TITLE, TEXT)

    page.get_by_role("link", name="Review", exact=True).click()
    item = page.locator("ot-review-item").filter(has_text=TITLE)
    item.get_by_text("Read it").click()
    expect(item.get_by_role("region")).to_contain_text("coöperating with Zoë’s café crew 🎉")
    item.get_by_role("button", name="Approve").click()
    expect(item.locator("ot-job")).to_have_attribute("state", "indexed")
    expect(item.get_by_role("list", name="Ingestion").get_by_role("listitem")).to_contain_text(
        [f"{stage}, done" for stage in ("Queued", "Extracting", "Chunking", "Embedding", "Indexed")])

    page.get_by_role("link", name="Ask", exact=True).click()
    page.get_by_label("Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    sources = page.get_by_role("region", name="Sources of this answer")
    expect(sources).to_be_visible()
    expect(page.get_by_role("log")).to_contain_text("every ninety days")
    expect(page.get_by_label("Your question")).to_have_value("")

    assert violations(page) == []
    with server.client(token_of(page)) as client:
        check_each_citation(page, client)

    page.locator(".citation").first.click()
    expect(page.get_by_role("dialog").locator("mark")).to_be_visible()
    assert violations(page) == []

    # Everything is there again after a reload, from the server.
    page.reload()
    expect(sources).to_be_visible()
    expect(page.get_by_role("log")).to_contain_text("every ninety days")


def check_each_citation(page: Page, client: httpx.Client) -> None:
    """Opens every citation of the one answer and compares what is marked with the revision's own bytes."""
    conversation = re.search(r"#/chat/([0-9a-f-]+)$", page.url)
    assert conversation is not None, page.url
    messages = client.get(f"/conversations/{conversation[1]}/messages").raise_for_status().json()["messages"]
    citations = messages[-1]["citations"]
    assert citations, "the answer cites nothing"
    for marker in {citation["marker"] for citation in citations}:
        spans = [citation for citation in citations if citation["marker"] == marker]
        mentions = page.locator(f".citation[data-marker='{marker}']")
        # The offline model marks each sentence that it quotes, so every mention has a span of its own.
        expect(mentions).to_have_count(len(spans))
        for index, span in enumerate(spans):
            check_opened(page, client, mentions.nth(index), [span])
        card = page.locator(".source-card").filter(has=page.locator(".source-number", has_text=f"{marker}"))
        check_opened(page, client, card, spans)


def check_opened(page: Page, client: httpx.Client, opener: Locator, spans: list[dict[str, Any]]) -> None:
    """Opens a citation: what is marked must be exactly the spans' bytes in the revision's text."""
    opener.click()
    panel = page.get_by_role("dialog")
    marks = panel.locator("mark")
    expect(marks.first).to_be_in_viewport()
    revision = {"revision": spans[0]["revisionId"]}
    source = client.get(f"/documents/{spans[0]['documentId']}/text", params=revision).raise_for_status().content
    marked = [text.encode() for text in marks.evaluate_all("nodes => nodes.map((node) => node.textContent)")]
    assert marked == [source[span["startOffset"]:span["endOffset"]] for span in spans]
    assert marked == [span["text"].encode() for span in spans]
    assert panel.locator(".text").evaluate("node => node.textContent").encode() == source
    expect(panel.locator(".provenance dd")).to_have_text(["Ada Lovelace", "Ada Lovelace"])
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(opener).to_be_focused()


def test_search_opens_the_passage_in_its_document(server: Server, page: Page) -> None:
    page.goto(server.url)
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Documents", exact=True).click()
    page.get_by_role("searchbox", name="Search all documents").fill("sealed vault")
    page.keyboard.press("Enter")
    hits = page.get_by_role("list", name="Passages found")
    expect(hits).to_contain_text("When the vault is sealed")
    hits.get_by_role("listitem").filter(has_text="When the vault is sealed").get_by_role("link").click()
    # Until the document is there, the list stays, and each of its items has the same heading.
    expect(hits).to_be_hidden()
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
    expect(page.locator("mark")).to_contain_text("tells Łukasz")
    expect(page.locator("mark")).to_be_in_viewport()
