"""Budgets in the page: set, changed, overridden and removed by admins, with what was decided below."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from support import QUICK, Account, running
from test_metering import settled

SignIn = Callable[..., Page]
AMOUNT = "Amount a month, in USD"


@pytest.fixture
def ada(binary: Path, tmp_path: Path) -> Iterator[Account]:
    """An admin; Bob has asked something, so that his address is known."""
    with running(binary, tmp_path, config=QUICK) as server:
        ada = server.sign_up("ada")
        bob = server.sign_up("bob")
        bob.ask("Which river is the longest?")
        settled(bob, 1)
        yield ada


def budgets(ada: Account) -> list[dict[str, object]]:
    return ada.call("GET", "/budgets").get("budgets", [])


def item(page: Page, name: str) -> Locator:
    return page.locator("ot-budget-item").filter(has=page.get_by_role("heading", name=name))


def press(row: Locator, action: str, name: str) -> None:
    row.get_by_role("button", name=f"{action}: {name}").click()


def test_a_budget_is_set_changed_overridden_and_removed(ada: Account, page: Page, sign_in: SignIn) -> None:
    sign_in(page, ada.server.url, "ada", "budgets")
    expect(page.get_by_role("heading", name="No budgets")).to_be_visible()
    page.get_by_label(AMOUNT).fill("12,5")
    page.get_by_role("button", name="Set the budget").click()
    name = "The organisation"
    row = item(page, name)
    expect(row).to_contain_text("USD\u00a00.00 of USD\u00a012.50 spent (0\u00a0%)")
    expect(page.get_by_label(AMOUNT)).to_have_value("")
    [budget] = budgets(ada)
    assert budget["limitMicros"] == "12500000" and "userId" not in budget

    press(row, "Change the amount", name)
    expect(row.get_by_label(AMOUNT)).to_have_value("12.5")
    expect(row.get_by_label(AMOUNT)).to_be_focused()
    row.get_by_label(AMOUNT).fill("20")
    row.get_by_role("button", name="Change the amount").click()
    expect(row).to_contain_text("of USD\u00a020.00 spent")
    expect(row.get_by_role("heading")).to_be_focused()

    press(row, "Override", name)
    row.get_by_role("button", name="Override the budget").click()
    expect(row.get_by_role("alert")).to_contain_text("Give a reason.")
    expect(row.get_by_label("Reason")).to_be_focused()
    row.get_by_label("Reason").fill("The report is due")
    row.get_by_label("How long").select_option("For 7 days")
    row.get_by_role("button", name="Override the budget").click()
    expect(row).to_contain_text("Overridden")
    expect(row).to_contain_text("Calls pass whatever they cost, until")
    override = budgets(ada)[0]["override"]
    assert isinstance(override, dict) and override["reason"] == "The report is due"

    press(row, "End the override", name)
    row.get_by_label("Reason").fill("It is done")
    row.get_by_role("button", name="End the override").click()
    expect(row.get_by_text("Overridden")).to_have_count(0)
    assert "override" not in budgets(ada)[0]

    press(row, "Remove", name)
    expect(row).to_contain_text("Remove this budget?")
    row.get_by_role("button", name="Cancel").click()
    expect(row.get_by_role("button", name=f"Remove: {name}")).to_be_focused()
    press(row, "Remove", name)
    page.keyboard.press("Escape")
    expect(row.get_by_role("button", name=f"Remove: {name}")).to_be_focused()
    assert len(budgets(ada)) == 1
    press(row, "Remove", name)
    row.get_by_role("button", name="Remove the budget").click()
    expect(page.get_by_role("heading", name="No budgets")).to_be_visible()
    assert budgets(ada) == []

    told = page.get_by_role("list", name="What was decided").get_by_role("listitem")
    expect(told.locator("> p:first-child")).to_have_text([
        "Removed the organisation’s budget", "Ended the override of the organisation’s budget",
        re.compile("^Let calls pass beyond the organisation’s budget until "),
        "Set the organisation’s budget to USD\u00a020.00 a month", "Set the organisation’s budget to USD\u00a012.50 a month"])
    expect(told.nth(2)).to_contain_text("The report is due")
    expect(told.first).to_contain_text("by you")


def test_a_user_s_budget_is_set_by_address_or_id(ada: Account, page: Page, sign_in: SignIn) -> None:
    eve = ada.server.sign_up("eve")
    sign_in(page, ada.server.url, "ada", "budgets")
    page.get_by_text("One user").click()
    set_budget = page.get_by_role("button", name="Set the budget")
    form = page.get_by_role("form", name="Set a budget")
    for user, amount, words in (
        ("", "5", "whose budget"), ("eve@example.org", "5", "Nobody by that address"), ("bob@example.org", "-5", "six places"),
        ("bob@example.org", "1.1234567", "six places"),
        # What the server refuses is shown where it was asked for.
        ("00000000-0000-7000-8000-000000000000", "5", "There is no such user"),
    ):
        page.get_by_label("User", exact=True).fill(user)
        page.get_by_label(AMOUNT).fill(amount)
        set_budget.click()
        expect(form.get_by_role("alert")).to_contain_text(words)
        expect(page.get_by_label("User", exact=True)).to_have_value(user)
        expect(page.get_by_label(AMOUNT)).to_have_value(amount)
    assert budgets(ada) == []
    page.get_by_label("User", exact=True).fill("BOB@example.org")
    page.get_by_label(AMOUNT).fill("0.000001")
    page.reload()
    # What was typed outlives a reload.
    expect(page.get_by_label("User", exact=True)).to_have_value("BOB@example.org")
    set_budget.click()
    expect(item(page, "bob@example.org")).to_contain_text("of USD\u00a00.000001 spent")
    page.get_by_label("User", exact=True).fill(eve.user["id"])
    page.get_by_label(AMOUNT).fill("0")
    set_budget.click()
    expect(item(page, f"Account {eve.user['id']}")).to_contain_text("Used up")
    assert sorted(str(budget["limitMicros"]) for budget in budgets(ada)) == ["0", "1"]


def test_a_failure_is_shown_at_the_budget_that_it_is_about(ada: Account, page: Page, sign_in: SignIn) -> None:
    ada.call("POST", "/budgets", json={"limitMicros": "1000000"})
    ada.call("POST", "/budgets", json={"limitMicros": "1000000", "userId": ada.user["id"]})
    sign_in(page, ada.server.url, "ada", "budgets")
    mine = item(page, "ada@example.org")
    page.route("**/api/v1/budgets/*", lambda route: route.abort())
    press(mine, "Remove", "ada@example.org")
    mine.get_by_role("button", name="Remove the budget").click()
    expect(mine.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(item(page, "The organisation").get_by_role("alert")).to_have_count(0)
    page.unroute("**/api/v1/budgets/*")
    mine.get_by_role("button", name="Remove the budget").click()
    expect(mine).to_have_count(0)
    expect(page.locator("ot-budget-item")).to_have_count(1)


def test_an_override_that_ends_before_it_begins_is_said_to_have_failed(
    ada: Account, page: Page, sign_in: SignIn
) -> None:
    ada.call("POST", "/budgets", json={"limitMicros": "1000000"})
    page.clock.install(time=datetime.now(timezone.utc) - timedelta(days=2))
    sign_in(page, ada.server.url, "ada", "budgets")
    row = item(page, "The organisation")
    press(row, "Override", "The organisation")
    row.get_by_label("How long").select_option("For 1 hour")
    row.get_by_label("Reason").fill("The report is due")
    row.get_by_role("button", name="Override the budget").click()
    expect(row.get_by_role("alert")).to_contain_text("the clock of this device")
    expect(row.get_by_label("Reason")).to_have_value("The report is due")
    assert "override" not in budgets(ada)[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_budgets_fit_and_are_accessible(
    ada: Account, open_page: Callable[..., Page], sign_in: SignIn, violations: Callable[[Page], list[str]], width: int,
    scheme: str,
) -> None:
    ada.call("POST", "/budgets", json={"limitMicros": "0"})
    ada.call("POST", "/budgets", json={"limitMicros": "1000000", "userId": ada.user["id"]})
    page = sign_in(open_page(width=width, height=844, color_scheme=scheme), ada.server.url, "ada", "budgets")
    press(item(page, "The organisation"), "Override", "The organisation")
    press(item(page, "ada@example.org"), "Remove", "ada@example.org")
    expect(page.get_by_role("listitem").filter(has_text="Set your budget")).to_be_visible()
    assert page.evaluate("document.querySelector('main').scrollWidth") <= width
    assert violations(page) == []
