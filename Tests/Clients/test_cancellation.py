"""A reader who leaves ends the provider's call, and what was written so far is kept."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import Account, Call, Provider, chunk, running

REPETITIONS = 20
# The aim is 100 ms, which the median keeps by far even on a busy machine; a single call may be unlucky.
AIM_MILLISECONDS = 100
BOUND_SECONDS = 2.0


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Account]:
    config = provider.config().replace("timeout: 2s", "timeout: 60s")
    with running(binary, tmp_path_factory.mktemp("cancellation"), config=config) as server:
        ada = server.sign_up("ada")
        ada.publish("Rivers", "A river bends because its outer bank is worn away.")
        yield ada


def last_answer(ada: Account, conversation: str) -> dict[str, object]:
    """The stored answer; storing goes on for a moment after the reader has left."""
    deadline = time.monotonic() + 10
    while True:
        messages = ada.messages(conversation)
        if messages[-1]["role"] == "MESSAGE_ROLE_ASSISTANT" or time.monotonic() > deadline:
            return messages[-1]
        time.sleep(0.02)


@pytest.mark.parametrize("moment", ["while it talks", "before its first word", "while it is silent"])
def test_a_reader_who_leaves_cancels_the_providers_call(
    ada: Account, provider: Provider, moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def waits(call: Call) -> None:
        call.head()
        if moment == "while it is silent":
            call.send(chunk("word1 "))
        while not provider.stopping.is_set() and not call.is_left(within=1):
            pass

    provider.behave = provider.talks_until_left if moment == "while it talks" else waits
    milliseconds = []
    for _ in range(REPETITIONS):
        count = len(provider.calls)
        with ada.open_stream("/chat", {"message": "Why does a river bend?"}) as stream:
            conversation = stream.until("started").data["conversationId"]
            stream.until("sources" if moment == "before its first word" else "delta")
            patience = time.monotonic() + 30
            while len(provider.calls) == count:
                assert time.monotonic() < patience, "the provider was not called"
                time.sleep(0.001)
            left_at = stream.leave()
        call = provider.calls[-1]
        assert call.closed.wait(BOUND_SECONDS), f"the provider's call was still open {BOUND_SECONDS} s later"
        milliseconds.append((call.closed_at - left_at) * 1000)
        answer = last_answer(ada, conversation)
        assert answer["role"] == "MESSAGE_ROLE_ASSISTANT" and answer["finishReason"] == "cancelled"
        assert answer["sources"]
        if moment != "before its first word":
            assert str(answer["content"]).startswith("word1 ")
        else:
            assert answer.get("content", "") == ""
    assert statistics.median(milliseconds) < AIM_MILLISECONDS
    cuts = statistics.quantiles(milliseconds, n=20)
    with capsys.disabled():
        print(
            f"\nthe provider's call ended, {moment}: median {statistics.median(milliseconds):.1f} ms, "
            f"p95 {cuts[-1]:.1f} ms, from {min(milliseconds):.1f} to {max(milliseconds):.1f} ms, "
            f"{REPETITIONS} times")


def test_a_reader_who_leaves_a_watched_job_does_not_stop_it(ada: Account) -> None:
    job = ada.approve(ada.submit("Long", "A long river has many bends and each has a name. " * 800))
    with ada.open_stream(f"/jobs/{job}/events", None) as stream:
        stream.until("progress")
        stream.leave()
    assert ada.finished(job)["state"] == "JOB_STATE_INDEXED"


def test_many_readers_who_leave_at_once_leave_nothing_behind(ada: Account, provider: Provider) -> None:
    provider.behave = provider.talks_until_left
    first = len(provider.calls)
    streams = []
    for _ in range(20):
        context = ada.open_stream("/chat", {"message": "Why does a river bend?"})
        streams.append((context, context.__enter__()))
    for _, stream in streams:
        stream.until("delta")
    for context, _ in streams:
        context.__exit__(None, None, None)
    calls = provider.calls[first:]
    assert len(calls) == 20 and all(call.closed.wait(10) for call in calls)
    # Nobody holds a connection or a slot: the next reader is served.
    assert ada.search("river")
