"""What people say about themselves is kept, is theirs alone, and helps their questions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import Account, Server, running


@pytest.fixture(scope="module")
def server(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(binary, tmp_path_factory.mktemp("memories")) as server:
        yield server


@pytest.fixture(scope="module")
def ada(server: Server) -> Account:
    account = server.sign_up("ada")
    for title, text in {
        "Leave of employees": "Employees have thirty days of leave a year.",
        "Interns": "Interns have twelve days of leave a year and stay for six months.",
        "Tunnels": "The wind tunnel runs at night.",
    }.items():
        account.publish(title, text)
    return account


def titles(account: Account, question: str) -> list[str]:
    return [source["title"] for source in account.ask(question).sources]


def test_memories_are_kept_changed_and_deleted(ada: Account) -> None:
    made = ada.call("POST", "/memories", json={"content": " I work\nin Zürich 🏔️ "})["memory"]
    assert made["content"] == "I work in Zürich 🏔️"
    changed = ada.call("PATCH", f"/memories/{made['id']}", json={"content": "I work in Bern"})["memory"]
    assert changed["id"] == made["id"] and changed["content"] == "I work in Bern"
    assert [memory["content"] for memory in ada.call("GET", "/memories")["memories"]] == ["I work in Bern"]
    ada.call("DELETE", f"/memories/{made['id']}")
    assert ada.call("GET", "/memories").get("memories", []) == []
    ada.call("DELETE", f"/memories/{made['id']}", 404)


def test_nobody_else_sees_or_changes_them(server: Server, ada: Account) -> None:
    made = ada.call("POST", "/memories", json={"content": "I like tea"})["memory"]
    bob = server.sign_up("bob")
    assert bob.call("GET", "/memories").get("memories", []) == []
    bob.call("PATCH", f"/memories/{made['id']}", 404, json={"content": "mine"})
    bob.call("DELETE", f"/memories/{made['id']}", 404)
    ada.call("DELETE", f"/memories/{made['id']}")


@pytest.mark.parametrize("content", ["", " \n ", "a" * 501, "a\x00b", None])
def test_bad_sentences_are_refused(ada: Account, content: str | None) -> None:
    answer = ada.call("POST", "/memories", 400, json={} if content is None else {"content": content})
    assert answer["code"] == "invalid_argument"


def test_a_question_about_oneself_is_searched_with_them(ada: Account) -> None:
    question = "How many days of leave do I get?"
    before = titles(ada, question)
    made = ada.call("POST", "/memories", json={"content": "I am one of the interns"})["memory"]
    after = titles(ada, question)
    ada.call("DELETE", f"/memories/{made['id']}")
    assert after[0] == "Interns"
    assert set(before) <= set(after)
