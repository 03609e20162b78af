"""The pages that a passage lies on, as a reader sees them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

from files import pdf

if TYPE_CHECKING:
    from conftest import Server

EMAIL, PASSWORD = "grace@example.com", "correct horse battery"


def publish(server: Server) -> None:
    """An account with a PDF whose second page has text alone, and a text without pages."""
    with server.client() as client:
        account = client.post(
            "/auth/signup", json={"email": EMAIL, "password": PASSWORD, "displayName": "Grace Hopper"}
        ).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {account['session']['token']}"
        file = {"file": ("a.pdf", pdf([], ["The bilby digs spirals that no fox follows."]), "application/pdf")}
        for form in (
            {"files": file, "data": {"title": "Field notes"}},
            {"json": {"title": "Quokkas", "text": "The quokka smiles at everyone."}},
        ):
            submission = client.post("/submissions", **form).raise_for_status().json()["submission"]["id"]
            job = client.post(f"/submissions/{submission}/approve", json={}).raise_for_status().json()["jobId"]
            deadline = time.monotonic() + 60
            while (state := client.get(f"/jobs/{job}").json()["job"])["state"] != "JOB_STATE_INDEXED":
                assert state["state"] != "JOB_STATE_FAILED" and time.monotonic() < deadline, state
                time.sleep(0.05)


def test_sources_and_passages_found_show_their_page(server: Server, page: Page) -> None:
    publish(server)
    page.goto(f"{server.url}/#/chat")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    page.get_by_label("Your question").fill("What does the bilby dig?")
    page.keyboard.press("Enter")
    card = page.locator(".source-card")
    expect(card.locator(".source-people")).to_have_text(
        "p. 2 · Submitted by Grace Hopper · approved by Grace Hopper")
    expect(page.locator(".citation").first).to_have_attribute("aria-label", "Source 1: Field notes, p. 2")
    card.click()
    expect(page.get_by_role("dialog").locator(".provenance dd").first).to_have_text("p. 2")
    page.keyboard.press("Escape")
    expect(card).to_be_focused()
    # A question can be asked once the answer before it has ended.
    expect(page.get_by_role("button", name="Send")).to_be_visible()

    page.get_by_label("Your question").fill("Whom does the quokka smile at?")
    page.keyboard.press("Enter")
    expect(card.last.locator(".source-people")).to_have_text("Submitted by Grace Hopper · approved by Grace Hopper")

    page.goto(f"{server.url}/#/documents?q=spirals")
    expect(page.get_by_role("list", name="Passages found").locator(".meta")).to_have_text([
        "p. 2 · Submitted by Grace Hopper · approved by Grace Hopper",
        "Submitted by Grace Hopper · approved by Grace Hopper"])
