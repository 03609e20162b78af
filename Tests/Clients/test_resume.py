"""Resumable answers: a stream that was cut is taken up behind the last event that was seen, on any wire and any replica."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import httpx
import pytest

from postgres import Database, own_postgres
from resuming import (
    QUESTION, RIVER, WORDS, begin, check_whole, message_of, patient, recites, refused, resume, taking_up, until)
from stubs import Client, generate
from support import Account, Provider, Server, error_of, events, running

WINDOW_SECONDS = 2


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Account]:
    config = patient(provider, f"chat: {{ resumeWindow: {WINDOW_SECONDS}s, maximumResumablePerUser: 3 }}\n")
    with running(binary, tmp_path_factory.mktemp("resume"), config=config) as server:
        ada = server.sign_up("ada")
        ada.publish("Rivers", RIVER)
        yield ada


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return generate(tmp_path_factory.mktemp("stubs"))


# Over REST


def test_a_resumable_answer_that_is_not_cut_is_an_answer_like_others(ada: Account, provider: Provider) -> None:
    provider.behave = recites(0)
    reply = ada.ask(QUESTION, resumable=True)
    plain = ada.ask(QUESTION)
    assert reply.text == plain.text == "".join(WORDS) and reply.end.data == plain.end.data


def test_an_answer_that_was_cut_is_taken_up_without_a_gap(ada: Account, provider: Provider) -> None:
    provider.behave = recites()
    for count in (1, 2, 3, 20):
        seen = begin(ada, count)
        rest = resume(ada, message_of(seen), seen[-1].id)
        reply = check_whole(seen + rest)
        stored = ada.messages(reply.started["conversationId"])
        assert stored[-1]["content"] == reply.text and stored[-1]["finishReason"] == "stop"


def test_an_answer_may_be_cut_many_times(ada: Account, provider: Provider) -> None:
    provider.behave = recites()
    seen = begin(ada, 3)
    while seen[-1].name != "completed":
        with taking_up(ada, message_of(seen), seen[-1].id) as answer:
            assert answer.status_code == 200
            seen += itertools.islice(events(answer.iter_lines()), 5)
    check_whole(seen)


def test_an_answer_that_has_ended_is_read_again_from_anywhere(ada: Account, provider: Provider) -> None:
    provider.behave = recites(0)
    reply = ada.ask(QUESTION, resumable=True)
    message = reply.started["messageId"]
    assert resume(ada, message) == reply.events
    assert resume(ada, message, 0) == reply.events
    assert resume(ada, message, "") == reply.events
    assert resume(ada, message, 10) == reply.events[10:]
    assert resume(ada, message, len(reply.events)) == []
    with ada.client() as client:
        answer = client.get(f"/chat/{message}/events", params={"lastEventId": 10})
        assert list(events(iter(answer.text.splitlines()))) == reply.events[10:]
        # As EventSource does: the address is the old one, the header is new.
        answer = client.get(
            f"/chat/{message}/events", params={"lastEventId": 10}, headers={"Last-Event-ID": "12"})
        assert list(events(iter(answer.text.splitlines()))) == reply.events[12:]


def test_curl_resumes(ada: Account, provider: Provider, unavailable: Callable[[str], Any]) -> None:
    if not (curl := shutil.which("curl")):
        unavailable("there is no curl")
    provider.behave = recites()
    address = f"{ada.server.url}/api/v1/chat"
    common = [curl, "-sN", "-H", f"Authorization: Bearer {ada.token}"]
    body = json.dumps({"message": QUESTION, "resumable": True})
    cut = subprocess.run(
        [*common, "--max-time", "0.4", "-H", "Content-Type: application/json", "-d", body, address],
        capture_output=True, text=True)
    assert cut.returncode == 28
    whole = cut.stdout[: cut.stdout.rindex("\n\n") + 2]
    seen = list(events(iter(whole.splitlines())))
    assert 2 < len(seen) < len(WORDS)
    rest = subprocess.run(
        [*common, "--max-time", "20", "-H", f"Last-Event-ID: {seen[-1].id}", f"{address}/{message_of(seen)}/events"],
        capture_output=True, text=True, check=True)
    check_whole(seen + list(events(iter(rest.stdout.splitlines()))))


def test_a_regenerated_answer_is_taken_up_too(ada: Account, provider: Provider) -> None:
    provider.behave = recites()
    first = ada.ask(QUESTION)
    path = f"/conversations/{first.started['conversationId']}/messages/{first.started['messageId']}/regenerate"
    with ada.open_stream(path, {"resumable": True}) as stream:
        seen = list(itertools.islice(stream, 5))
    check_whole(seen + resume(ada, message_of(seen), seen[-1].id))


def test_what_is_not_there_is_refused(ada: Account, provider: Provider) -> None:
    provider.behave = recites(0)
    reply = ada.ask(QUESTION, resumable=True)
    message = reply.started["messageId"]
    refused(ada, message, len(reply.events) + 1, 400, "invalid_argument")
    for nonsense in ("x", "-1", "1.5", "99999999999"):
        refused(ada, message, nonsense, 400, "invalid_argument")
    refused(ada, "no-id", None, 404, "not_found")
    refused(ada, "01234567-89ab-7def-8123-456789abcdef", 3, 404, "not_found")
    bob = ada.server.sign_up(f"bob{time.monotonic_ns()}")
    refused(bob, message, 3, 404, "not_found")
    plain = ada.ask(QUESTION)
    refused(ada, plain.started["messageId"], 3, 404, "not_found")
    answer = httpx.get(f"{ada.server.url}/api/v1/chat/{message}/events")
    error_of(answer, 401, "unauthenticated")


def test_an_answer_that_nobody_reads_is_cancelled_after_the_window(ada: Account, provider: Provider) -> None:
    provider.behave = provider.talks_until_left
    seen = begin(ada, 5)
    left_at = time.monotonic()
    call = provider.calls[-1]
    assert call.closed.wait(WINDOW_SECONDS + 5)
    assert WINDOW_SECONDS - 0.7 < call.closed_at - left_at < WINDOW_SECONDS + 2.5
    conversation = seen[0].data["conversationId"]
    until(lambda: ada.messages(conversation)[-1]["role"] == "MESSAGE_ROLE_ASSISTANT")
    stored = ada.messages(conversation)[-1]
    assert stored["finishReason"] == "cancelled" and stored["content"].startswith("word1 word2 ")
    refused(ada, message_of(seen), seen[-1].id, 404, "not_found")


def test_an_answer_that_has_ended_expires_after_the_window(ada: Account, provider: Provider) -> None:
    provider.behave = recites(0)
    reply = ada.ask(QUESTION, resumable=True)
    time.sleep(WINDOW_SECONDS + 0.5)
    refused(ada, reply.started["messageId"], 3, 404, "not_found")


def test_an_answer_that_is_not_resumable_is_cancelled_at_once(ada: Account, provider: Provider) -> None:
    provider.behave = provider.talks_until_left
    with ada.open_stream("/chat", {"message": QUESTION, "resumable": False}) as stream:
        stream.until("delta")
        left_at = stream.leave()
    call = provider.calls[-1]
    assert call.closed.wait(2) and call.closed_at - left_at < 1


def test_a_second_reader_takes_over(ada: Account, provider: Provider) -> None:
    provider.behave = recites()
    with ada.open_stream("/chat", {"message": QUESTION, "resumable": True}) as stream:
        seen = list(itertools.islice(stream, 5))
        rest = resume(ada, message_of(seen), 5)
        replaced = list(stream)
    check_whole(seen + rest)
    assert [event.name for event in replaced if event.name != "delta"] == []
    assert len(replaced) < 10


def test_a_cut_answer_can_be_cancelled(ada: Account, provider: Provider) -> None:
    provider.behave = provider.talks_until_left
    seen = begin(ada, 5)
    ada.call("POST", f"/chat/{message_of(seen)}/cancel", json={})
    rest = resume(ada, message_of(seen), 5)
    assert rest[-1].name == "completed" and rest[-1].data["finishReason"] == "cancelled"
    assert provider.calls[-1].closed.wait(2)


def test_one_user_has_so_many_under_way_and_no_more(ada: Account, provider: Provider) -> None:
    provider.behave = provider.talks_until_left
    eve = ada.server.sign_up(f"eve{time.monotonic_ns()}")
    open_ones = [begin(eve, 1) for _ in range(3)]
    with eve.client() as client:
        error_of(client.post("/chat", json={"message": QUESTION, "resumable": True}), 429, "resource_exhausted")
    provider.behave = recites(0)
    assert eve.ask(QUESTION).end.name == "completed"
    for seen in open_ones:
        eve.call("POST", f"/chat/{message_of(seen)}/cancel", json={})


def test_a_server_that_is_told_to_stop_ends_its_answers(
    binary: Path, tmp_path: Path, provider: Provider
) -> None:
    provider.behave = provider.talks_until_left
    with running(binary, tmp_path, config=patient(provider)) as server:
        seen = begin(server.sign_up("ada"), 5)
        call = provider.calls[-1]
        assert not call.closed.is_set()
        assert server.terminate(patience=8) == 0
        assert call.closed.wait(2)
        stored = server.rows(
            "SELECT finish_reason FROM chat_messages WHERE role = 'assistant' AND conversation_id = ?",
            seen[0].data["conversationId"]) or server.rows(
            "SELECT finish_reason FROM chat_messages WHERE role = 'assistant'")
        assert stored == [("cancelled",)]


# Over the other wires


def test_grpc_resumes(ada: Account, provider: Provider, contract: ModuleType) -> None:
    provider.behave = recites()
    client = Client(contract, ada.server.grpc, ada.token)
    try:
        stream = client("Chat.StreamChat", message=QUESTION, resumable=True)
        seen = list(itertools.islice(stream, 7))
        stream.cancel()
        message = seen[0].started.message_id
        rest = list(client("Chat.ResumeChat", message_id=message, last_event_id=7))
        names = [event.WhichOneof("event") for event in seen + rest]
        assert names == ["started", "sources"] + ["delta"] * len(WORDS) + ["completed"]
        assert "".join(event.delta.text for event in seen + rest) == "".join(WORDS)
        for identifier, last, code in [
            (message, 99, grpc.StatusCode.INVALID_ARGUMENT), ("no-id", 0, grpc.StatusCode.NOT_FOUND),
        ]:
            with pytest.raises(grpc.RpcError) as failure:
                list(client("Chat.ResumeChat", message_id=identifier, last_event_id=last))
            assert failure.value.code() == code
    finally:
        client.close()


def envelope(message: dict[str, Any]) -> bytes:
    data = json.dumps(message).encode()
    return bytes([0]) + len(data).to_bytes(4, "big") + data


def envelopes(response: http.client.HTTPResponse) -> Iterator[tuple[int, dict[str, Any]]]:
    while head := response.read(5):
        yield head[0], json.loads(response.read(int.from_bytes(head[1:], "big")))


@contextlib.contextmanager
def connect(account: Account, method: str, message: dict[str, Any]) -> Iterator[Iterator[tuple[int, dict[str, Any]]]]:
    connection = http.client.HTTPConnection(*account.server.address, timeout=30)
    try:
        connection.request(
            "POST", f"/opentier.v1.ChatService/{method}", envelope(message),
            {"Authorization": f"Bearer {account.token}", "Content-Type": "application/connect+json"})
        response = connection.getresponse()
        assert response.status == 200
        yield envelopes(response)
    finally:
        connection.close()


def test_connect_resumes(ada: Account, provider: Provider) -> None:
    provider.behave = recites()
    with connect(ada, "StreamChat", {"message": QUESTION, "resumable": True}) as stream:
        seen = [message for _, message in itertools.islice(stream, 7)]
    message = seen[0]["started"]["messageId"]
    with connect(ada, "ResumeChat", {"messageId": message, "lastEventId": 7}) as stream:
        *rest, (flags, end) = stream
    assert flags == 2 and end == {}
    found = seen + [message for _, message in rest]
    assert [next(iter(event)) for event in found] == ["started", "sources"] + ["delta"] * len(WORDS) + ["completed"]
    assert "".join(event["delta"]["text"] for event in found if "delta" in event) == "".join(WORDS)
    with connect(ada, "ResumeChat", {"messageId": message, "lastEventId": 99}) as stream:
        [(flags, end)] = stream
    assert flags == 2 and end["error"]["code"] == "invalid_argument"


# In production


@pytest.fixture
def replicas(
    start_replica: Callable[..., Server], postgres: Database, provider: Provider
) -> Callable[[int], list[Server]]:
    """Starts replicas over one database."""

    def start(count: int) -> list[Server]:
        return [start_replica(postgres.url, patient(provider)) for _ in range(count)]

    return start


def test_a_stream_that_was_cut_on_one_replica_is_taken_up_on_another(
    replicas: Callable[[int], list[Server]], provider: Provider, postgres: Database
) -> None:
    first, second = replicas(2)
    ada = first.sign_up("ada")
    provider.behave = recites()
    for _ in range(3):
        seen = begin(ada, 8)
        check_whole(seen + resume(ada.at(second), message_of(seen), seen[-1].id))
    # And while both go on: the reader on the first replica is told at once.
    with ada.open_stream("/chat", {"message": QUESTION, "resumable": True}) as stream:
        seen = list(itertools.islice(stream, 5))
        rest = resume(ada.at(second), message_of(seen), 5)
        replaced = list(stream)
    check_whole(seen + rest)
    assert len(replaced) < 20 and all(event.name == "delta" for event in replaced)
    whole = ada.at(second).ask(QUESTION, resumable=True)
    assert resume(ada, whole.started["messageId"]) == whole.events
    refused(first.sign_up("bob"), message_of(seen), 3, 404, "not_found")


def test_readers_of_a_replica_that_was_killed_are_told(
    replicas: Callable[[int], list[Server]], provider: Provider
) -> None:
    first, second = replicas(2)
    ada = first.sign_up("ada")
    provider.behave = provider.talks_until_left
    seen = begin(ada, 5)
    with taking_up(ada.at(second), message_of(seen), 5) as answer:
        stream = events(answer.iter_lines())
        seen += itertools.islice(stream, 5)
        first.kill()
        killed_at = time.monotonic()
        seen += stream
        assert time.monotonic() - killed_at < 12
    assert seen[-1].name == "failed" and seen[-1].data["code"] == "unavailable"
    assert [event.id for event in seen] == [str(number) for number in range(1, len(seen) + 1)]
    assert resume(ada.at(second), message_of(seen)) == seen


@pytest.mark.parametrize("resumable", [True, False])
def test_an_answer_is_cancelled_on_another_replica(
    replicas: Callable[[int], list[Server]], provider: Provider, resumable: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = replicas(2)
    ada = first.sign_up("ada")
    bob = first.sign_up("bob")
    provider.behave = provider.talks_until_left
    milliseconds = []
    for _ in range(10):
        with ada.open_stream("/chat", {"message": QUESTION, "resumable": resumable}) as stream:
            message = stream.until("started").data["messageId"]
            stream.until("delta")
            with bob.at(second).client() as client:
                error_of(client.post(f"/chat/{message}/cancel", json={}), 404, "not_found")
            call = provider.calls[-1]
            cancelled_at = time.monotonic()
            ada.at(second).call("POST", f"/chat/{message}/cancel", json={})
            assert call.closed.wait(5)
            milliseconds.append((call.closed_at - cancelled_at) * 1000)
            assert stream.until("completed").data["finishReason"] == "cancelled"
        ada.at(second).call("POST", f"/chat/{message}/cancel", 404, json={})
    with capsys.disabled():
        print(f"\nthe provider's call ended: {sorted(round(each) for each in milliseconds)} ms after the other's cancel")
    assert sorted(milliseconds)[len(milliseconds) // 2] < 500


def test_a_replica_that_is_stopped_ends_its_answers_for_readers_elsewhere(
    replicas: Callable[[int], list[Server]], provider: Provider
) -> None:
    first, second = replicas(2)
    ada = first.sign_up("ada")
    provider.behave = provider.talks_until_left
    seen = begin(ada, 5)
    with taking_up(ada.at(second), message_of(seen), 5) as answer:
        stream = events(answer.iter_lines())
        next(stream)
        assert first.terminate(patience=10) == 0
        *_, last = stream
    assert last.name == "completed" and last.data["finishReason"] == "cancelled"


def test_replies_leave_nothing_in_the_database(
    start_replica: Callable[..., Server], postgres: Database, provider: Provider
) -> None:
    replica = start_replica(postgres.url, patient(provider, f"chat: {{ resumeWindow: {WINDOW_SECONDS}s }}\n"))
    ada = replica.sign_up("ada")
    provider.behave = recites(0)
    ada.ask(QUESTION)
    assert postgres.value("SELECT count(*) FROM chat_replies") == 0
    seen = begin(ada, 5)
    whole = resume(ada, message_of(seen), 0)
    rows = postgres.rows("SELECT number, event FROM chat_reply_events ORDER BY number")
    assert [number for number, _ in rows] == list(range(1, len(whole) + 1))
    assert [event["delta"] for _, event in rows if "delta" in event] == WORDS
    until(lambda: postgres.value("SELECT count(*) FROM chat_replies") == 0, 40)
    assert postgres.value("SELECT count(*) FROM chat_reply_events") == 0


def test_an_answer_outlives_a_restart_of_the_database(
    start_replica: Callable[..., Server], postgres_binaries: Path, provider: Provider
) -> None:
    with own_postgres(postgres_binaries) as database:
        replica = start_replica(database.url, patient(provider))
        ada = replica.sign_up("ada")
        provider.behave = recites(0.1)
        seen = begin(ada, 5)
        database.stop()
        database.start()
        until(lambda: httpx.get(f"{replica.url}/readyz").status_code == 200)
        # The server wrote on meanwhile, as far as it could, and then what it had kept.
        check_whole(seen + resume(ada, message_of(seen), 5))
        replica.close()
