"""Calls that a rate, a quota or a budget refuses: what is used up, when to try again, and nothing typed is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from support import DONE, QUICK, Account, Call, Provider, Server, chunk, says
from test_metering import settled

SignIn = Callable[..., Page]
QUESTION = "Which river is the longest?"


@pytest.fixture
def serve(binary: Path, tmp_path: Path, provider: Provider) -> Iterator[Callable[[str], Account]]:
    """Starts a server with quotas, and a model that costs something; gives its admin."""
    servers: list[Server] = []

    def start(quotas: str = "") -> Account:
        model = f'provider: openai, baseURL: "{provider.url}", model: m, apiKey: k, attempts: 1, completionPrice: "1"'
        config = f"{QUICK}quotas: {{ {quotas} }}\nmodels:\n  default: fake\n  fake: {{ {model} }}\n"
        servers.append(Server(binary, tmp_path, config=config).start())
        return servers[-1].sign_up("ada")

    yield start
    for server in servers:
        server.close()


def ask(page: Page, question: str = QUESTION) -> None:
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")


def answers(page: Page) -> Locator:
    """The answers that are complete."""
    return page.get_by_role("button", name="Answer again")


def refusal(page: Page) -> Locator:
    return page.locator(".notice.limit")


def uses(tokens: int) -> Callable[[Call], None]:
    """Answers, and says that it took so many tokens."""

    def behave(call: Call) -> None:
        call.head()
        call.send(chunk("said"))
        usage = {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1}
        call.send(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n" + DONE)

    return behave


def test_a_question_that_came_too_fast_may_be_asked_again_in_time(
    serve: Callable[[str], Account], provider: Provider, page: Page, sign_in: SignIn,
    violations: Callable[[Page], list[str]],
) -> None:
    provider.behave = says("said")
    ada = serve("user: { requestsPerMinute: 1, burst: 1 }")
    page.clock.install()
    sign_in(page, ada.server.url, "ada")
    ask(page, "The first?")
    expect(answers(page)).to_have_count(1)
    ask(page)
    told = refusal(page)
    expect(told.get_by_role("alert")).to_have_text(
        "Too many requests in a short timeYou may make 1 requests per minute, and have made too many.")
    expect(told).to_contain_text(re.compile(r"You can try again in \d+ seconds\."))
    # Seconds that go by are nothing to be read out.
    expect(told.get_by_role("alert").locator("ot-wait")).to_have_count(0)
    again = told.get_by_role("button", name="Try again")
    expect(again).to_have_count(0)
    box = page.get_by_label("Your question")
    expect(box).to_have_value(QUESTION)
    expect(page.get_by_role("log").locator(".question")).to_have_count(1)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == []
    page.reload()
    expect(box).to_have_value(QUESTION)
    page.get_by_role("button", name="Send").click()
    expect(told).to_be_visible()
    page.clock.fast_forward(61_000)
    expect(again).to_be_visible()
    expect(page.locator("#status")).to_have_text("You can try again now.")
    # Only the page's clock has gone on: the server refuses again, and says anew when.
    again.click()
    expect(told).to_contain_text(re.compile(r"You can try again in \d+ seconds\."))
    expect(box).to_have_value(QUESTION)


def test_a_second_answer_at_once_waits_for_the_first(
    serve: Callable[[str], Account], provider: Provider, open_page: Callable[..., Page], sign_in: SignIn
) -> None:
    provider.behave = provider.talks_until_left
    ada = serve("user: { concurrentStreams: 1 }")
    first, second = (sign_in(open_page(), ada.server.url, "ada") for _ in range(2))
    ask(first)
    expect(first.locator(".message.streaming .message-body")).to_contain_text("word1")
    ask(second, "And the widest?")
    expect(refusal(second)).to_contain_text("Too many answers at once")
    expect(refusal(second)).to_contain_text("You may have 1 answers written at once. Wait until one has ended.")
    again = refusal(second).get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    first.get_by_role("button", name="Stop the answer").click()
    settled(ada, 1)
    provider.behave = says("said")
    again.click()
    expect(second.get_by_role("log").locator(".question")).to_have_text("And the widest?")
    expect(answers(second)).to_have_count(1)
    expect(refusal(second)).to_have_count(0)
    expect(second.get_by_label("Your question")).to_have_value("")


def test_an_answer_again_beyond_the_tokens_of_the_day_is_asked_for_again_in_time(
    serve: Callable[[str], Account], provider: Provider, page: Page, sign_in: SignIn
) -> None:
    provider.behave = uses(5000)
    ada = serve("user: { tokensPerDay: 8000 }")
    page.clock.install()
    sign_in(page, ada.server.url, "ada")
    ask(page)
    expect(answers(page)).to_have_count(1)
    page.get_by_label("Your question").fill("Half a thought")
    answers(page).click()
    told = refusal(page)
    expect(told).to_contain_text("The tokens of today are used up")
    expect(told).to_contain_text("You may use 8000 tokens a day, and too few of them are left for this.")
    again = told.get_by_role("button", name="Try again")
    # Until midnight in UTC, which may be a minute away or a day.
    page.clock.fast_forward(24 * 3600 * 1000)
    expect(again).to_be_visible()
    with page.expect_request("**/regenerate"):
        again.click()
    expect(told).to_be_visible()
    expect(page.get_by_label("Your question")).to_have_value("Half a thought")
    # The answer that there was stays, and the way to what was used is beside it.
    expect(answers(page)).to_have_count(1)
    told.get_by_role("link", name="See the usage").click()
    expect(page.get_by_role("heading", name="Usage")).to_be_visible()


def test_a_search_beyond_the_first_day_s_requests_keeps_its_words(
    serve: Callable[[str], Account], page: Page, sign_in: SignIn
) -> None:
    ada = serve("user: { firstDayRequests: 1 }")
    ada.server.sign_up("bob").search("river")
    page.clock.install()
    sign_in(page, ada.server.url, "bob", "documents")
    box = page.get_by_label("Search all documents")
    box.fill("the longest river")
    page.keyboard.press("Enter")
    told = refusal(page)
    expect(told).to_contain_text("The requests of the first day are used up")
    expect(told).to_contain_text("You may make 1 requests in the first 24 hours of the account.")
    expect(told).to_contain_text(re.compile(r"There is room again (on|at) .*, in 24 hours\."))
    expect(box).to_have_value("the longest river")
    page.clock.fast_forward(23 * 3600 * 1000)
    expect(told).to_contain_text(re.compile(r"There is room again (on|at) .*, in (60|59) minutes\."))
    page.clock.fast_forward(3600 * 1000)
    with page.expect_request("**/api/v1/search") as sent:
        told.get_by_role("button", name="Try again").click()
    assert sent.value.post_data_json["query"] == "the longest river"
    expect(box).to_be_focused()
    expect(told).to_be_visible()


def test_a_budget_that_is_used_up_is_told_and_an_admin_lets_it_go_on(
    serve: Callable[[str], Account], provider: Provider, page: Page, sign_in: SignIn
) -> None:
    provider.behave = says("said")
    ada = serve()
    bob = ada.server.sign_up("bob")
    budget = ada.call("POST", "/budgets", json={"userId": bob.user["id"], "limitMicros": "0"})["budget"]
    sign_in(page, ada.server.url, "bob")
    ask(page)
    told = refusal(page)
    expect(told).to_contain_text("The budget of this month is used up")
    expect(told).to_contain_text("You have used up the budget of this month: an admin may raise or override it.")
    expect(told).to_contain_text(re.compile(r"(There is room again|You can try again) "))
    ada.call("DELETE", f"/budgets/{budget['id']}")
    # Nobody has to wait for the time that was told.
    page.get_by_role("button", name="Send").click()
    expect(answers(page)).to_have_count(1)
    expect(told).to_have_count(0)
    expect(page.get_by_role("log").locator(".question")).to_have_text(QUESTION)
