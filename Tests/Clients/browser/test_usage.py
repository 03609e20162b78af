"""What the page shows of usage: days, models, users, cost and budgets."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support import QUICK, Account, running

SignIn = Callable[..., Page]
DAY = 86_400_000_000
CONFIG = QUICK + "budgets: { currency: EUR }\n"
GONE = 60


def day(ago: int) -> str:
    """A day of UTC as the page names it."""
    moment = datetime.now(timezone.utc) - timedelta(days=ago)
    # British English shortens September to four letters.
    return f"{moment.day} {moment:%b}".replace("Sep", "Sept")


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An admin whose organisation has used two models on some days, together with Bob and 60 accounts that are gone."""
    with running(binary, tmp_path_factory.mktemp("usage"), config=CONFIG) as server:
        ada = server.sign_up("ada")
        bob = server.sign_up("bob")
        server.sign_up("eve")
        ((organization,),) = server.rows("SELECT DISTINCT organization_id FROM users")

        def use(user: bytes, model: str | None, tokens: tuple[int, int], cost: int, ago: int) -> None:
            server.write(
                "INSERT INTO usage_events VALUES (?, ?, ?, NULL, 'chat', ?, ?, ?, ?, 'completed', ?)",
                uuid.uuid4().bytes, organization, user, model, *tokens, cost, time.time_ns() // 1000 - ago * DAY)

        mine, his = (uuid.UUID(account.user["id"]).bytes for account in (ada, bob))
        use(mine, "large", (40_000, 2_000), 12_500_000, 0)
        use(mine, "large", (1_000, 500), 1_000_000, 3)
        use(mine, None, (0, 0), 0, 3)
        use(his, "small", (300, 21), 31_500, 3)
        use(his, "small", (9_000, 1_000), 2_000_000, 200)
        for index in range(GONE):
            use(uuid.uuid4().bytes, "small", (10 + index, 0), 0, 1)
        ada.call("POST", "/budgets", json={"limitMicros": "100000000"})
        ada.call("POST", "/budgets", json={"limitMicros": "0", "userId": bob.user["id"]})
        yield ada


def facts(page: Page) -> dict[str, str]:
    """The totals, by their names."""
    pairs = page.locator(".totals div")
    expect(pairs).to_have_count(4)
    return {pair.locator("dt").inner_text(): pair.locator("dd").inner_text() for pair in pairs.all()}


def test_an_admin_sees_everybody_and_pages_the_users(ada: Account, page: Page, sign_in: SignIn) -> None:
    sign_in(page, ada.server.url, "ada", "usage")
    assert facts(page) == {
        "Requests": f"{4 + GONE}", "Tokens in": f"{41_300 + 10 * GONE + sum(range(GONE)):,}", "Tokens out": "2,521",
        "Cost": "EUR\u00a013.53"}
    budget = page.get_by_role("list", name="Budgets of this month").get_by_role("listitem")
    expect(budget).to_have_count(1)
    expect(budget).to_contain_text("Budget of the organisation")
    expect(budget).to_contain_text("of EUR\u00a0100.00 spent")
    models = page.get_by_role("table", name="By model").locator("tbody tr")
    expect(models).to_have_count(3)
    expect(models.first).to_contain_text("43,500")
    expect(models.first).to_contain_text("41,000 in, 2,500 out")
    expect(models.first).to_contain_text("13.50")
    expect(models.nth(2).get_by_role("rowheader")).to_have_text("None answered")
    users = page.get_by_role("table", name="By user").locator("tbody tr")
    expect(users).to_have_count(50)
    expect(users.nth(1)).to_contain_text("bob@example.org")
    expect(users.nth(1)).to_contain_text("0.0315")
    expect(users.nth(2)).to_contain_text("now gone")
    page.get_by_role("button", name="Show more").click()
    expect(users).to_have_count(2 + GONE)
    expect(users.nth(50).get_by_role("link")).to_be_focused()
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)
    names = [row.get_by_role("rowheader").inner_text() for row in users.all()]
    assert len(set(names)) == 2 + GONE


def test_days_are_drawn_and_stand_in_a_table(ada: Account, page: Page, sign_in: SignIn) -> None:
    sign_in(page, ada.server.url, "ada", "usage")
    drawing = page.locator(".chart svg")
    expect(drawing).to_have_attribute(
        "aria-label", f"Tokens by day, {day(29)} to {day(0)}. The most: 42,000 tokens, {day(0)}.")
    expect(drawing.locator(".bar")).to_have_count(30)
    heights = [float(bar.get_attribute("height") or "") for bar in drawing.locator(".bar").all()]
    assert heights[-1] == 100 and [index for index, height in enumerate(heights) if height] == [26, 28, 29]
    page.get_by_role("group", name="What is drawn?").get_by_text("Cost").click()
    expect(drawing).to_have_attribute("aria-label", f"Cost by day, {day(29)} to {day(0)}. "
                                      f"The most: EUR\u00a012.50, {day(0)}.")
    page.get_by_text("As a table").click()
    rows = page.get_by_role("table", name="By day").locator("tbody tr")
    expect(rows.get_by_role("rowheader")).to_have_text([day(0), day(1), day(3)])
    expect(rows.last).to_contain_text("1,821")
    page.get_by_label("Period").select_option("Last 7 days")
    expect(drawing.locator(".bar")).to_have_count(7)
    # What is drawn stays as it was chosen.
    expect(drawing).to_have_attribute("aria-label", f"Cost by day, {day(6)} to {day(0)}. "
                                      f"The most: EUR\u00a012.50, {day(0)}.")
    page.reload()
    expect(page.get_by_label("Period")).to_have_value("7")


def test_twelve_months_are_drawn_by_month(ada: Account, page: Page, sign_in: SignIn) -> None:
    sign_in(page, ada.server.url, "bob", "usage?period=year")
    expect(page.locator(".chart .bar")).to_have_count(12)
    assert facts(page)["Tokens out"] == "1,021"
    page.get_by_text("As a table").click()
    expect(page.get_by_role("table", name="By month").locator("tbody tr")).to_have_count(2)


def test_everybody_else_sees_their_own_alone(ada: Account, page: Page, sign_in: SignIn) -> None:
    sign_in(page, ada.server.url, "bob", "usage")
    assert facts(page)["Requests"] == "1"
    expect(page.get_by_role("table", name="By user")).to_have_count(0)
    expect(page.get_by_text("Everybody", exact=True)).to_have_count(0)
    budgets = page.get_by_role("list", name="Budgets of this month").get_by_role("listitem")
    expect(budgets).to_have_count(1)
    expect(budgets).to_contain_text("Your budget")
    expect(budgets).to_contain_text("Used up")
    page.goto(f"{ada.server.url}/#/usage?user={ada.user['id']}")
    expect(page.get_by_role("alert")).to_contain_text("admin")


def test_a_period_without_use_says_so(ada: Account, page: Page, sign_in: SignIn) -> None:
    sign_in(page, ada.server.url, "eve", "usage")
    expect(page.get_by_role("heading", name="Nothing was used")).to_be_visible()
    assert facts(page)["Cost"] == "EUR\u00a00.00"


def test_from_a_user_s_usage_to_their_budget(ada: Account, page: Page, sign_in: SignIn) -> None:
    sign_in(page, ada.server.url, "ada", "usage")
    page.get_by_role("link", name="bob@example.org").click()
    expect(page.get_by_role("main")).to_contain_text("What bob@example.org has used.")
    assert facts(page)["Requests"] == "1"
    expect(page.get_by_role("heading", name="Budget of bob@example.org")).to_be_visible()
    page.get_by_role("link", name="Set a budget").click()
    expect(page.get_by_label("One user")).to_be_checked()
    expect(page.get_by_label("User", exact=True)).to_have_value("bob@example.org")


def test_what_cannot_be_loaded_is_said_and_tried_again(ada: Account, page: Page, sign_in: SignIn) -> None:
    page.route("**/api/v1/usage?*", lambda route: route.abort())
    sign_in(page, ada.server.url, "ada", "usage")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute("**/api/v1/usage?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("table", name="By model")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_usage_fits_and_is_accessible(
    ada: Account, open_page: Callable[..., Page], sign_in: SignIn, violations: Callable[[Page], list[str]], width: int,
    scheme: str,
) -> None:
    page = sign_in(open_page(width=width, height=844, color_scheme=scheme), ada.server.url, "ada", "usage")
    page.get_by_text("As a table").click()
    expect(page.get_by_role("table", name="By user")).to_be_visible()
    assert page.evaluate("document.querySelector('main').scrollWidth") <= width
    assert violations(page) == []
