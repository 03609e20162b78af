"""Tools in the chat, against servers that speak each provider's protocol; and replies that are kept."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import QUICK, Account, check_quotations, running
from test_providers import Answer, Remote, model

ARGUMENTS = {"query": "honey viscosity"}
REPLY = "Flow [1] and honey [2]."


def openai(answer: Answer, text: str, calls: list[tuple[str, str, dict[str, Any]]]) -> None:
    answer.head()
    if text:
        answer.event({"choices": [{"index": 0, "delta": {"content": text}}]})
    for index, (id, name, arguments) in enumerate(calls):
        begun = {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}
        answer.event({"choices": [{"index": 0, "delta": {"tool_calls": [begun]}}]})
        whole = {"index": index, "function": {"arguments": json.dumps(arguments)}}
        answer.event({"choices": [{"index": 0, "delta": {"tool_calls": [whole]}}]})
    answer.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}]})
    answer.event({"choices": [], "usage": {"prompt_tokens": 25, "completion_tokens": 15}})
    answer.send(b"data: [DONE]\n\n")


def anthropic(answer: Answer, text: str, calls: list[tuple[str, str, dict[str, Any]]]) -> None:
    answer.head()
    usage = {"input_tokens": 25, "output_tokens": 1}
    answer.event({"type": "message_start", "message": {"usage": usage}}, "message_start")
    if text:
        delta = {"type": "text_delta", "text": text}
        answer.event({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
    for index, (id, name, arguments) in enumerate(calls, 1):
        block = {"type": "tool_use", "id": id, "name": name, "input": {}}
        answer.event({"type": "content_block_start", "index": index, "content_block": block}, "content_block_start")
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        answer.event({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
        answer.event({"type": "content_block_stop", "index": index}, "content_block_stop")
    reason = "tool_use" if calls else "end_turn"
    end = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 15}}
    answer.event(end, "message_delta")
    answer.event({"type": "message_stop"}, "message_stop")


def gemini(answer: Answer, text: str, calls: list[tuple[str, str, dict[str, Any]]]) -> None:
    answer.head()
    parts: list[dict[str, Any]] = [{"text": text}] if text else []
    parts += [{"functionCall": {"name": name, "args": arguments}} for _, name, arguments in calls]
    answer.event({"candidates": [{"content": {"role": "model", "parts": parts}}]})
    usage = {"promptTokenCount": 25, "candidatesTokenCount": 15}
    answer.event({"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage})


DIALECTS = {"openai": openai, "anthropic": anthropic, "gemini": gemini}


def config(remote: Remote, dialect: str, more: str = "") -> str:
    chat = "chat: { toolRounds: 2, maximumSources: 1 }\n"
    return QUICK + chat + more + "models:\n  default: far\n" + model("far", remote, dialect)


def knowing(account: Account) -> Account:
    account.publish("Flow", "Turbulent flow begins at a Reynolds number of 4000.")
    account.publish("Honey", "The viscosity of honey is high, at rest and in motion.")
    return account


def ask(account: Account, **more: Any) -> list[Any]:
    return account.stream("POST", "/chat", {"message": "When does turbulent flow begin?", **more})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_model_looks_for_more_and_cites_it(binary: Path, tmp_path: Path, dialect: str) -> None:
    speak = DIALECTS[dialect]

    def behave(answer: Answer) -> None:
        if len(remote.calls) == 1:
            speak(answer, "Let me look. ", [("call-1", "search_knowledge", ARGUMENTS)])
        else:
            speak(answer, REPLY, [])

    with Remote(behave) as remote, running(binary, tmp_path, config=config(remote, dialect)) as server:
        ada = knowing(server.sign_up())
        events = ask(ada)
        names = [event.name for event in events]
        assert names[:2] == ["started", "sources"] and names[-1] == "completed"
        assert names.count("toolCall") == names.count("toolResult") == 1
        assert names.index("toolCall") + 1 == names.index("toolResult")
        by_name = {event.name: event.data for event in events}
        call, result, end = by_name["toolCall"], by_name["toolResult"], by_name["completed"]
        assert call["name"] == "search_knowledge" and json.loads(call["arguments"]) == ARGUMENTS
        assert result["id"] == call["id"] and not result["isError"] and result["summary"] == "1 new passage"
        assert [source["marker"] for source in by_name["sources"]["sources"]] == [1]
        assert [(source["marker"], source["title"]) for source in result["sources"]] == [(2, "Honey")]
        assert end["usage"] == {"promptTokens": 50, "completionTokens": 30}
        assert [citation["marker"] for citation in end["citations"]] == [1, 2]
        check_quotations(ada, end["citations"])
        (stored,) = [m for m in ada.messages(by_name["started"]["conversationId"]) if m["role"].endswith("ASSISTANT")]
        assert [source["marker"] for source in stored["sources"]] == [1, 2]
        # The provider got its own call back, with the result as marked data.
        assert len(remote.calls) == 2
        second = json.dumps(remote.calls[1].body)
        assert "call-1" in second or dialect == "gemini"
        assert r'<passage number=\"2\" title=\"Honey\">' in second or r"<passage number=\\\"2\\\"" in second


def test_a_model_that_never_stops_asking_is_made_to_answer(binary: Path, tmp_path: Path) -> None:
    def behave(answer: Answer) -> None:
        openai(answer, "", [("c", "search_knowledge", ARGUMENTS)])

    with Remote(behave) as remote, running(binary, tmp_path, config=config(remote, "openai")) as server:
        events = ask(knowing(server.sign_up()))
        assert len(remote.calls) == 3
        assert [call.body.get("tool_choice") for call in remote.calls] == [None, None, "none"]
        assert [event.name for event in events].count("toolCall") == 2
        assert events[-1].data["finishReason"] == "length"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_model_that_asks_for_a_tool_that_there_is_not_is_told_so(
    binary: Path, tmp_path: Path, dialect: str
) -> None:
    speak = DIALECTS[dialect]

    def behave(answer: Answer) -> None:
        speak(answer, *(("", [("call-1", "look.up", {})]) if len(remote.calls) == 1 else (REPLY, [])))

    with Remote(behave) as remote, running(binary, tmp_path, config=config(remote, dialect)) as server:
        ada = knowing(server.sign_up())
        events = ask(ada)
        result = next(event.data for event in events if event.name == "toolResult")
        assert result["isError"] and "there is no tool look.up" in result["summary"]
        assert events[-1].name == "completed" and events[-1].data["finishReason"] == "stop"
        assert len(remote.calls) == 2
        told = json.dumps(remote.calls[1].body)
        assert "there is no tool look.up" in told and "look_up" in told
        # A client's own tools are the client's: it gets no call that it does not know.
        remote.calls.clear()
        tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
        answer = httpx.post(
            f"{server.url}/v1/chat/completions", headers={"Authorization": f"Bearer {ada.token}"}, timeout=30,
            json={"model": "far", "messages": [{"role": "user", "content": "Look."}], "tools": [tool]})
        # The first reply was broken before its first word, and the model was asked once more.
        assert answer.status_code == 200 and len(remote.calls) == 2
        message = answer.json()["choices"][0]["message"]
        assert message["content"] == REPLY and "tool_calls" not in message


def test_a_resumable_reply_shows_its_tools_again(binary: Path, tmp_path: Path) -> None:
    def behave(answer: Answer) -> None:
        calls = [("c", "search_knowledge", ARGUMENTS)] if len(remote.calls) == 1 else []
        openai(answer, "" if calls else REPLY, calls)

    with Remote(behave) as remote, running(binary, tmp_path, config=config(remote, "openai")) as server:
        ada = knowing(server.sign_up())
        events = ask(ada, resumable=True)
        again = ada.stream("GET", f"/chat/{events[0].data['messageId']}/events")
        assert again == events and "toolResult" in [event.name for event in events]


def test_the_built_in_model_is_as_it_was(binary: Path, tmp_path: Path) -> None:
    with running(binary, tmp_path, config=QUICK + "chat: { toolRounds: 2 }\n") as server:
        reply = knowing(server.sign_up()).ask("When does turbulent flow begin?")
        assert reply.citations and "4000" in reply.text


# Replies that are kept


def test_the_same_question_is_paid_for_once(binary: Path, tmp_path: Path) -> None:
    def behave(answer: Answer) -> None:
        openai(answer, REPLY, [])

    kept = "cache: { responses: { maximumBytes: 1MiB, timeToLive: 2s } }\n"
    with Remote(behave) as remote, running(binary, tmp_path, config=config(remote, "openai", kept)) as server:
        ada = knowing(server.sign_up())
        first, second = ask(ada), ask(ada)
        assert len(remote.calls) == 1
        assert first[-1].data == second[-1].data
        ask(ada, filters={"tags": ["none"]})
        assert len(remote.calls) == 2
        time.sleep(2.1)
        ask(ada)
        assert len(remote.calls) == 3


def test_by_default_nothing_is_kept(binary: Path, tmp_path: Path) -> None:
    def behave(answer: Answer) -> None:
        openai(answer, REPLY, [])

    with Remote(behave) as remote, running(binary, tmp_path, config=config(remote, "openai")) as server:
        ada = knowing(server.sign_up())
        ask(ada), ask(ada)
        assert len(remote.calls) == 2


def test_the_same_question_at_the_same_time_is_one_call(binary: Path, tmp_path: Path) -> None:
    answering = threading.Event()

    def behave(answer: Answer) -> None:
        answering.wait(20)
        openai(answer, REPLY, [])

    kept = "cache: { responses: { maximumBytes: 1MiB } }\n"
    with Remote(behave) as remote, running(binary, tmp_path, config=config(remote, "openai", kept)) as server:
        ada = knowing(server.sign_up())
        texts: list[str] = []

        def chat() -> None:
            texts.append("".join(event.data["text"] for event in ask(ada) if event.name == "delta"))

        threads = [threading.Thread(target=chat, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait(lambda: bool(remote.calls))
        time.sleep(1)
        answering.set()
        for thread in threads:
            thread.join(30)
        assert texts == [REPLY] * 8 and len(remote.calls) == 1


def wait(condition: Callable[[], bool], patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
