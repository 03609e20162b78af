"""What the web client promises around the main job: errors are shown, nothing typed is lost, everyone can use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from conftest import Server

EMAIL, PASSWORD = "grace@example.com", "correct horse battery"
VIEWS = ["chat", "documents", "memories", "keys", "usage", "submit", "submissions", "review", "budgets"]
READY = {
    "chat": "What do you want to know?", "documents": "Documents", "memories": "About me", "keys": "API keys",
    "usage": "Usage", "submit": "Submit knowledge",
    "submissions": "All submissions", "review": "Review", "budgets": "Budgets",
}


@pytest.fixture(scope="module")
def admin(server: Server) -> str:
    """The token of the first account, which has handed in one text."""
    with server.client() as client:
        answer = client.post(
            "/auth/signup", json={"email": EMAIL, "password": PASSWORD, "displayName": "Grace Hopper"}
        ).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {answer['session']['token']}"
        client.post("/submissions", json={"title": "Compilers", "text": "The first compiler was the A-0 system."}
                    ).raise_for_status()
    return answer["session"]["token"]


def sign_in(page: Page, server: Server, view: str = "chat") -> None:
    page.goto(f"{server.url}/#/{view}")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name=READY[view], exact=True)).to_be_visible()


def test_the_page_carries_the_policy_and_loads_nothing_from_elsewhere(server: Server, page: Page) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    response = page.goto(server.url)
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "require-trusted-types-for 'script'" in policy
    expect(page.get_by_role("heading", name="Sign in to OpenTier")).to_be_visible()
    assert len(requested) > 5
    assert [url for url in requested if not url.startswith(server.url)] == []


def test_a_refused_sign_in_shows_the_server_s_message(server: Server, admin: str, page: Page) -> None:
    page.goto(server.url)
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill("wrong wrong wrong")
    with page.expect_response("**/api/v1/auth/signin") as answer:
        page.get_by_role("button", name="Sign in").click()
    message = answer.value.json()["message"]
    expect(page.get_by_role("alert")).to_contain_text(message[1:])
    expect(page.get_by_label("Email")).to_have_value(EMAIL)


def test_a_question_that_could_not_be_sent_stays_in_the_box(server: Server, admin: str, page: Page) -> None:
    sign_in(page, server)
    page.route("**/api/v1/chat", lambda route: route.abort())
    page.get_by_label("Your question").fill("Who wrote the first compiler?")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(page.get_by_label("Your question")).to_have_value("Who wrote the first compiler?")
    page.reload()
    expect(page.get_by_label("Your question")).to_have_value("Who wrote the first compiler?")
    page.unroute("**/api/v1/chat")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log").locator(".question")).to_have_text("Who wrote the first compiler?")
    expect(page.get_by_role("button", name="Answer again")).to_be_visible()
    expect(page.get_by_label("Your question")).to_have_value("")


def test_a_session_that_has_ended_asks_for_the_password_and_keeps_the_draft(
    server: Server, admin: str, page: Page
) -> None:
    sign_in(page, server, "submit")
    page.get_by_label("Title").fill("Half written")
    page.get_by_label("Text").fill("Not lost.")
    token = page.evaluate("JSON.parse(localStorage.getItem('opentier.session')).token")
    with server.client(token) as client:
        client.post("/auth/signout", json={}).raise_for_status()
    page.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_role("status").filter(has_text="Your session has ended")).to_be_visible()
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Title")).to_have_value("Half written")
    expect(page.get_by_label("Text")).to_have_value("Not lost.")


def test_a_file_is_handed_in_and_rejected_with_a_note(server: Server, admin: str, page: Page) -> None:
    sign_in(page, server, "submit")
    page.get_by_text("File", exact=True).click()
    page.locator("input[type=file]").set_input_files(
        {"name": "old-notes.md", "mimeType": "text/markdown", "buffer": "# Notes\n\nÜberholt.\n".encode()})
    expect(page.get_by_label("Title")).to_have_value("old notes")
    page.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_role("status").filter(has_text="waits for review")).to_be_visible()
    page.get_by_role("link", name="Review it").click()
    item = page.locator("ot-review-item").filter(has_text="old notes")
    item.get_by_text("Read it").click()
    expect(item.get_by_role("region")).to_contain_text("Überholt.")
    item.get_by_role("button", name="Reject").click()
    expect(item.get_by_role("alert")).to_contain_text("why the submission is rejected")
    item.get_by_label("Note to the contributor").fill("Out of date.")
    item.get_by_role("button", name="Reject").click()
    expect(item).to_contain_text("Rejected by you")
    page.get_by_role("link", name="Submissions", exact=True).click()
    row = page.get_by_role("listitem").filter(has_text="old notes")
    expect(row).to_contain_text("Rejected")
    expect(row).to_contain_text("Out of date.")


def test_a_reader_is_offered_neither_submitting_nor_reviewing(server: Server, admin: str, page: Page) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Name").fill("Reader")
    page.get_by_label("Email").fill("reader@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    main = page.get_by_role("navigation", name="Main")
    expect(main.get_by_role("link")).to_have_text(["Ask", "Documents", "About me", "API keys", "Usage"])
    page.goto(f"{server.url}/#/review")
    expect(page.get_by_role("main")).to_contain_text("Only admins review submissions.")
    page.goto(f"{server.url}/#/budgets")
    expect(page.get_by_role("main")).to_contain_text("Only admins set budgets.")
    page.goto(f"{server.url}/#/submit")
    expect(page.get_by_role("main")).to_contain_text("make you a contributor")


def test_signing_out_in_one_tab_signs_out_the_other(server: Server, admin: str, page: Page) -> None:
    sign_in(page, server)
    other = page.context.new_page()
    other.goto(server.url)
    expect(other.get_by_role("heading", name="What do you want to know?")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to OpenTier")).to_be_visible()
    expect(other.get_by_role("heading", name="Sign in to OpenTier")).to_be_visible()


def test_a_conversation_is_kept_in_the_list_until_it_is_deleted(server: Server, admin: str, page: Page) -> None:
    sign_in(page, server)
    page.get_by_label("Your question").fill("Which system was the first compiler for?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Answer again")).to_be_visible()
    listed = page.get_by_role("navigation", name="Conversations").get_by_role(
        "link", name="Which system was the first compiler for?")
    expect(listed).to_have_attribute("aria-current", "page")
    page.get_by_role("button", name="New question").click()
    listed.click()
    expect(page.get_by_role("log").locator(".question")).to_have_text("Which system was the first compiler for?")
    delete = page.get_by_role("button", name="Delete the conversation")
    delete.click()
    page.get_by_role("button", name="Keep").click()
    delete.click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="What do you want to know?")).to_be_visible()
    expect(listed).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_view_fits_and_is_accessible(
    server: Server, admin: str, open_page: Callable[..., Page], violations: Callable[[Page], list[str]],
    width: int, scheme: str,
) -> None:
    page = open_page(width=width, height=844, color_scheme=scheme)
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Sign in to OpenTier")).to_be_visible()
    assert violations(page) == []
    sign_in(page, server)
    for view in VIEWS:
        page.goto(f"{server.url}/#/{view}")
        expect(page.get_by_role("heading", name=READY[view], exact=True)).to_be_visible()
        expect(page.locator(".loading")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        assert page.evaluate("document.querySelector('main').scrollWidth") <= width, view
        assert violations(page) == [], view


def test_the_menu_of_a_narrow_screen_works_from_the_keyboard(
    server: Server, admin: str, open_page: Callable[..., Page]
) -> None:
    page = open_page(width=390, height=844)
    sign_in(page, server)
    menu = page.get_by_role("button", name="Menu", exact=True)
    expect(page.get_by_role("link", name="Documents")).to_be_hidden()
    menu.focus()
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    page.get_by_role("link", name="Documents").focus()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Documents").press("Enter")
    expect(page.get_by_role("heading", name="Documents", exact=True)).to_be_visible()
    expect(menu).to_have_attribute("aria-expanded", "false")


def test_a_memory_is_added_kept_and_forgotten(server: Server, page: Page, admin: str) -> None:
    sign_in(page, server, "memories")
    expect(page.get_by_text("Nothing yet")).to_be_visible()
    page.get_by_label("One sentence about you").fill("I work in <b>Zürich</b>")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("I work in <b>Zürich</b>")).to_be_visible()
    page.reload()
    expect(page.get_by_text("I work in <b>Zürich</b>")).to_be_visible()
    page.get_by_role("button", name="Forget: I work in <b>Zürich</b>").click()
    expect(page.get_by_text("Nothing yet")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Nothing yet")).to_be_visible()


def test_a_key_is_made_shown_once_and_revoked(server: Server, page: Page, admin: str) -> None:
    sign_in(page, server, "keys")
    expect(page.get_by_text("No keys yet")).to_be_visible()
    page.get_by_label("What the key is for").fill("<b>Laptop</b>")
    page.get_by_label("Search:").check()
    page.get_by_role("button", name="Make a key").click()
    field = page.get_by_label("Copy it now")
    expect(field).to_be_visible()
    secret = field.input_value()
    assert secret.startswith("otk_") and len(secret) == 52
    with server.client(secret) as client:
        assert client.post("/search", json={"query": "compiler"}).status_code == 200
        assert client.get("/documents").status_code == 403
    expect(page.get_by_text(f"{secret[:10]}… · ask, search · never used")).to_be_visible()
    page.reload()
    expect(page.get_by_text("<b>Laptop</b>")).to_be_visible()
    assert secret not in page.content()
    page.get_by_role("button", name="Revoke: <b>Laptop</b>").click()
    expect(page.get_by_text("No keys yet")).to_be_visible()
    with server.client(secret) as client:
        assert client.post("/search", json={"query": "compiler"}).status_code == 401


def test_a_key_that_may_do_nothing_is_not_made(server: Server, page: Page, admin: str) -> None:
    sign_in(page, server, "keys")
    page.get_by_label("What the key is for").fill("Nothing")
    page.get_by_label("Ask:").uncheck()
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_role("alert")).to_contain_text("at least one")
    expect(page.get_by_text("No keys yet")).to_be_visible()
