"""Readers that lose an answer and take it up again, and models that are slow enough for it."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from support import Account, Call, Event, Provider, Reply, chunk, error_of, events

QUESTION = "Why does a river bend?"
RIVER = "A river bends because its outer bank is worn away."
WORDS = [f"word{number} " for number in range(1, 41)]


def recites(pause: float = 0.02) -> Callable[[Call], None]:
    """Says all words, one after the other."""

    def behave(call: Call) -> None:
        call.head()
        for word in WORDS:
            call.send(chunk(word))
            if call.is_left(within=pause):
                return
        call.send(chunk(finish="stop"))
        call.send(b"data: [DONE]\n\n")

    return behave


def patient(provider: Provider, more: str = "") -> str:
    return provider.config(more).replace("timeout: 2s", "timeout: 60s")


def begin(account: Account, count: int = 8, **more: Any) -> list[Event]:
    """The first events of a resumable answer whose connection is then cut."""
    with account.open_stream("/chat", {"message": QUESTION, "resumable": True, **more}) as stream:
        seen = list(itertools.islice(stream, count))
        stream.leave()
    return seen


@contextlib.contextmanager
def taking_up(account: Account, message: str, last: int | str | None) -> Iterator[httpx.Response]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with account.client() as client, client.stream("GET", f"/chat/{message}/events", headers=headers) as answer:
        yield answer


def resume(account: Account, message: str, last: int | str | None = None) -> list[Event]:
    with taking_up(account, message, last) as answer:
        if answer.status_code != 200:
            answer.read()
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/event-stream"
        return list(events(answer.iter_lines()))


def check_whole(found: list[Event]) -> Reply:
    """No event twice, none missing, and the text is that of an answer that was not cut."""
    assert [event.id for event in found] == [str(number) for number in range(1, len(found) + 1)]
    reply = Reply(found)
    assert reply.text == "".join(WORDS) and reply.end.name == "completed", reply.text
    assert reply.end.data["finishReason"] == "stop"
    return reply


def message_of(seen: list[Event]) -> str:
    return seen[0].data["messageId"]


def refused(account: Account, message: str, last: int | str | None, status: int, code: str) -> str:
    with taking_up(account, message, last) as answer:
        answer.read()
        return error_of(answer, status, code)


def until(condition: Callable[[], bool], patience: float = 15) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {patience} s"
        time.sleep(0.02)
