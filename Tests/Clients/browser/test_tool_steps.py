"""What a model does before it answers, as the chat shows it: each tool, what it was asked, and what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from support import QUICK, Account, running
from test_providers import Answer, Remote, model
from test_tools import knowing, openai

SignIn = Callable[..., Page]
PATIENCE = 20


class Model:
    """Asks for tools, and answers when it is let go."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """For another test: one search, and an answer that waits."""
        self.says = ""
        self.rounds: list[list[tuple[str, str, dict[str, object]]]] = [
            [("a", "search_knowledge", {"query": "<b>honey</b> viscosity"})]]
        self.released = threading.Event()

    def __call__(self, answer: Answer) -> None:
        messages = answer.body["messages"]
        assert isinstance(messages, list)
        done = sum(message["role"] == "assistant" and bool(message.get("tool_calls")) for message in messages)
        if done < len(self.rounds):
            openai(answer, self.says, self.rounds[done])
        else:
            assert self.released.wait(PATIENCE)
            openai(answer, "Flow is turbulent at 4000 [1], and honey is thick [2].", [])


@pytest.fixture(scope="module")
def reply() -> Model:
    return Model()


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory, reply: Model) -> Iterator[Account]:
    with Remote(reply) as remote:
        chat = "chat: { toolRounds: 2, maximumSources: 1 }\n"
        config = QUICK + chat + "models:\n  default: far\n" + model("far", remote, "openai")
        with running(binary, tmp_path_factory.mktemp("steps"), config=config) as server:
            yield knowing(server.sign_up("ada"))


@pytest.fixture
def chat(ada: Account, reply: Model, page: Page, sign_in: SignIn) -> Iterator[Page]:
    reply.begin()
    yield sign_in(page, ada.server.url, "ada")
    reply.released.set()


def ask(page: Page) -> Locator:
    """Asks; the answer."""
    page.get_by_label("Your question").fill("When does turbulent flow begin?")
    page.keyboard.press("Enter")
    return page.locator(".message.assistant").last


def test_steps_are_shown_while_the_model_goes_on(chat: Page, reply: Model) -> None:
    answer = ask(chat)
    expect(answer.locator(".thinking")).to_have_text("Reading 1 more passage…")
    summary = answer.locator("summary")
    expect(summary).to_have_text("1 step before the answer · 1 more passage")
    step = answer.get_by_role("listitem").first
    expect(step).to_be_hidden()
    # By the keyboard, and what is open stays so when the answer comes.
    summary.focus()
    chat.keyboard.press("Enter")
    expect(step.locator(".step-call")).to_have_text("Searched for <b>honey</b> viscosity")
    expect(step).to_contain_text("1 new passage")
    reply.released.set()
    expect(answer.locator(".message-body")).to_have_text("Flow is turbulent at 4000 1, and honey is thick 2.")
    expect(answer.get_by_role("button", name="Answer again")).to_be_visible()
    expect(summary).to_be_focused()
    chat.keyboard.press("Tab")
    passage = step.get_by_role("button", name="2 Honey")
    expect(passage).to_be_focused()
    chat.keyboard.press("Enter")
    expect(chat.get_by_role("dialog").locator("mark")).to_contain_text("viscosity of honey")
    chat.keyboard.press("Escape")
    expect(passage).to_be_focused()


def test_what_was_said_before_a_tool_stays_and_what_goes_on_is_told_below_it(chat: Page, reply: Model) -> None:
    reply.says = "Let me look."
    answer = ask(chat)
    expect(answer.locator(".message-body")).to_have_text("Let me look.")
    expect(answer.locator(".message-foot .thinking")).to_have_text("Reading 1 more passage…")
    reply.released.set()
    expect(answer.locator(".message-body p")).to_have_count(2)
    expect(answer.locator(".thinking")).to_have_count(0)
    # The steps are above what was said.
    assert chat.evaluate(
        "[...document.querySelectorAll('.message.assistant > *')].map((node) => node.localName)"
    ) == ["h2", "details", "div", "div"]


def test_steps_without_a_result_say_why(
    chat: Page, reply: Model, violations: Callable[[Page], list[str]]
) -> None:
    reply.rounds = [
        [("a", "search_knowledge", {"q": "honey"}), ("b", "read_document", {"passage": 99})],
        # An id may come again in another round.
        [("a", "read_document", {"passage": 1, "reach": 1})],
    ]
    reply.released.set()
    answer = ask(chat)
    expect(answer.get_by_role("button", name="Answer again")).to_be_visible()
    expect(answer.locator("summary")).to_have_text("3 steps before the answer · 2 without a result")
    answer.locator("summary").click()
    steps = answer.locator(".steps ol > li")
    expect(steps.nth(0)).to_contain_text("Called search_knowledge")
    expect(steps.nth(0).get_by_role("region", name="Arguments of search_knowledge")).to_have_text('{"q": "honey"}')
    expect(steps.nth(0)).to_contain_text("No result: query is missing")
    expect(steps.nth(1)).to_contain_text("Read on around passage 99, 2 passages each way")
    expect(steps.nth(1)).to_contain_text("No result: there is no passage 99")
    expect(steps.nth(2)).to_contain_text("Read on around passage 1, 1 passage each way")
    expect(steps.nth(2)).to_contain_text("Nothing new")
    assert violations(chat) == []


def test_a_step_that_was_stopped_is_no_longer_under_way(chat: Page, reply: Model) -> None:
    answer = ask(chat)
    expect(answer.locator(".thinking")).to_be_visible()
    chat.get_by_role("button", name="Stop the answer").click()
    expect(answer.get_by_text("You stopped this answer.")).to_be_visible()
    expect(answer.locator(".thinking")).to_have_count(0)
    expect(answer.locator("summary")).to_have_text("1 step before the answer · 1 more passage")


def test_each_alternative_has_its_own_steps(chat: Page, reply: Model) -> None:
    reply.released.set()
    answer = ask(chat)
    again = chat.get_by_role("button", name="Answer again")
    expect(again).to_be_visible()
    reply.rounds = []
    again.click()
    expect(chat.get_by_text("2 / 2")).to_be_visible()
    expect(again).to_be_visible()
    expect(answer.locator(".steps")).to_be_hidden()
    chat.get_by_role("button", name="Previous answer").click()
    expect(answer.locator("summary")).to_have_text("1 step before the answer · 1 more passage")
    # Steps are no part of what is stored; the passages that they found are.
    chat.reload()
    chat.get_by_role("button", name="Previous answer").click()
    expect(chat.get_by_text("1 / 2")).to_be_visible()
    expect(answer.locator(".citation")).to_have_text(["1", "2"])
    expect(answer.locator(".steps")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_steps_fit_and_are_accessible(
    ada: Account, reply: Model, open_page: Callable[..., Page], sign_in: SignIn,
    violations: Callable[[Page], list[str]], width: int, scheme: str,
) -> None:
    reply.begin()
    reply.rounds = [[("a", "search_knowledge", {"query": "honey"}), ("b", "search_knowledge", {"q": "word" * 99})]]
    reply.released.set()
    page = sign_in(open_page(width=width, height=844, color_scheme=scheme), ada.server.url, "ada")
    answer = ask(page)
    expect(answer.get_by_role("button", name="Answer again")).to_be_visible()
    answer.locator("summary").click()
    expect(answer.get_by_role("region", name="Arguments of search_knowledge")).to_be_visible()
    assert page.evaluate("document.querySelector('main').scrollWidth") <= width
    assert page.locator(".log").evaluate("(log) => log.scrollWidth - log.clientWidth") == 0
    assert violations(page) == []
