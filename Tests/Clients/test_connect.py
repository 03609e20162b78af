"""What Connect and gRPC-Web have of their own: GET, compression, timeouts, readers who leave, and malformed frames."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from support import Account, Call, Provider, chunk, running, send_raw
from wires import ConnectRPC, Curl, WireError, envelope, grpc_error

REPETITIONS = 10
AIM_MILLISECONDS = 100
STREAMS = {
    "connect": "application/connect+json", "grpc-web": "application/grpc-web+json",
    "grpc-web-text": "application/grpc-web-text+json",
}


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Account]:
    config = provider.config().replace("timeout: 2s", "timeout: 60s")
    with running(binary, tmp_path_factory.mktemp("connect"), config=config) as server:
        ada = server.sign_up("ada")
        ada.publish("Rivers", "A river bends because its outer bank is worn away. " * 60)
        yield ada


def get(ada: Account, method: str, message: bytes, **query: str) -> httpx.Response:
    encoded = base64.urlsafe_b64encode(message).decode().rstrip("=")
    parameters = {"connect": "v1", "base64": "1", "encoding": "json", "message": encoded} | query
    return httpx.get(
        f"{ada.server.url}/opentier.v1.{method}?{urlencode(parameters)}",
        headers={"Authorization": f"Bearer {ada.token}"})


def test_a_get_needs_nothing_but_a_url(ada: Account) -> None:
    query = b'{"query":"river","mode":"SEARCH_MODE_LEXICAL"}'
    plain = get(ada, "RetrievalService/Search", query)
    assert plain.status_code == 200 and plain.json()["hits"]
    assert get(ada, "RetrievalService/Search", gzip.compress(query), compression="gzip").json() == plain.json()
    assert "Accept-Encoding" in plain.headers["vary"] and plain.headers["content-encoding"] == "gzip"
    assert get(ada, "RetrievalService/Search", query, encoding="yaml").status_code == 415
    assert get(ada, "AuthService/SignOut", b"{}").status_code == 405


def test_a_bomb_is_refused_in_bounded_memory(ada: Account) -> None:
    assert ada.server.process

    def resident() -> int:
        status = Path(f"/proc/{ada.server.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    ada.search("river")
    before = resident()
    # 1 GiB, which shrinks to 1 MiB: within the limit of a submission as it comes.
    bomb = gzip.compress(b" " * (1 << 30), 1)
    assert len(bomb) < 8 << 20
    for protocol in STREAMS:
        stream = protocol != "connect"
        headers = {"Content-Type": STREAMS[protocol] if stream else "application/json", "grpc-encoding": "gzip"}
        if not stream:
            headers["Content-Encoding"] = "gzip"
        body = envelope(bomb, 1) if stream else bomb
        if protocol == "grpc-web-text":
            body = base64.b64encode(body)
        status, fields, answer = Curl(ada.server, ada.token).post("KnowledgeService/CreateSubmission", body, headers)
        if stream:
            assert status == 200 and grpc_error(fields).code == "resource_exhausted"
        else:
            assert status == 413 and json.loads(answer)["code"] == "resource_exhausted"
    # The limit is 32 MiB; arrays that grow hold it twice for a moment.
    assert resident() - before < 192 << 10


@pytest.mark.parametrize(("protocol", "codec"), [("CONNECT", "json"), ("CONNECT", "proto"), ("GRPC_WEB", "proto")])
def test_a_timeout_ends_the_call_and_the_provider_s(
    ada: Account, provider: Provider, protocol: str, codec: str
) -> None:
    provider.behave = provider.talks_until_left
    count = len(provider.calls)
    client = ConnectRPC(ada.server, ada.token, protocol, codec)
    start = time.monotonic()
    with pytest.raises(WireError) as caught:
        client_stream(client, timeout_ms=700)
    assert caught.value.code == "deadline_exceeded" and time.monotonic() - start < 5
    assert len(provider.calls) == count + 1 and provider.calls[-1].closed.wait(2)


def client_stream(client: ConnectRPC, timeout_ms: int) -> None:
    from connectrpc.errors import ConnectError

    request = client.request("ChatService/StreamChat", {"message": "Why does a river bend?"})
    try:
        list(client.client("ChatService").stream_chat(request, headers=client.headers, timeout_ms=timeout_ms))
    except ConnectError as error:
        raise WireError(error.code.value, error.message, []) from error


@pytest.mark.parametrize("protocol", STREAMS)
def test_the_server_itself_tells_that_time_is_up(ada: Account, provider: Provider, protocol: str) -> None:
    provider.behave = provider.talks_until_left
    timeout = {"Connect-Timeout-Ms": "500"} if protocol == "connect" else {"grpc-timeout": "500m"}
    with pytest.raises(WireError) as caught:
        Curl(ada.server, ada.token, protocol, extra=timeout).stream("ChatService/StreamChat", {"message": "Why?"})
    assert caught.value.code == "deadline_exceeded" and provider.calls[-1].closed.wait(2)
    bad = {"Connect-Timeout-Ms": "5s"} if protocol == "connect" else {"grpc-timeout": "5s"}
    with pytest.raises(WireError) as caught:
        Curl(ada.server, ada.token, protocol, extra=bad).stream("ChatService/StreamChat", {"message": "Why?"})
    assert caught.value.code == "invalid_argument"


@pytest.mark.parametrize("moment", ["while it talks", "while it is silent"])
@pytest.mark.parametrize("protocol", STREAMS)
def test_a_reader_who_leaves_cancels_the_providers_call(
    ada: Account, provider: Provider, protocol: str, moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def waits(call: Call) -> None:
        call.head()
        call.send(chunk("word1 "))
        while not provider.stopping.is_set() and not call.is_left(within=1):
            pass

    provider.behave = provider.talks_until_left if moment == "while it talks" else waits
    body = envelope(b'{"message":"Why does a river bend?"}')
    if protocol == "grpc-web-text":
        body = base64.b64encode(body)
    milliseconds = []
    for _ in range(REPETITIONS):
        count = len(provider.calls)
        connection = http.client.HTTPConnection(*ada.server.address, timeout=60)
        connection.request(
            "POST", "/opentier.v1.ChatService/StreamChat", body,
            {"Authorization": f"Bearer {ada.token}", "Content-Type": STREAMS[protocol]})
        response = connection.getresponse()
        assert response.status == 200 and response.headers["content-type"] == STREAMS[protocol]
        received = b""
        patience = time.monotonic() + 30
        word = b"word1" if protocol != "grpc-web-text" else b"="
        while word not in received or len(provider.calls) == count:
            assert time.monotonic() < patience
            received += response.read1()
        left_at = time.monotonic()
        response.close()
        connection.close()
        assert provider.calls[-1].closed.wait(2), "the provider's call was still open 2 s later"
        milliseconds.append((provider.calls[-1].closed_at - left_at) * 1000)
    assert statistics.median(milliseconds) < AIM_MILLISECONDS
    with capsys.disabled():
        print(
            f"\nthe provider's call ended, {protocol}, {moment}: median {statistics.median(milliseconds):.1f} ms, "
            f"from {min(milliseconds):.1f} to {max(milliseconds):.1f} ms, {REPETITIONS} times")


def test_an_idle_stream_sends_no_bytes_of_its_own(
    binary: Path, tmp_path_factory: pytest.TempPathFactory, provider: Provider
) -> None:
    def pauses(call: Call) -> None:
        call.head()
        call.send(chunk("word1 "))
        call.is_left(within=3)
        call.send(chunk("word2.", "stop") + b"data: [DONE]\n\n")

    provider.behave = pauses
    config = provider.config("chat: { keepAlive: 1s }\n").replace("timeout: 2s", "timeout: 60s")
    with running(binary, tmp_path_factory.mktemp("idle"), config=config) as server:
        ada = server.sign_up("ada")
        for protocol in STREAMS:
            messages = Curl(server, ada.token, protocol).stream("ChatService/StreamChat", {"message": "Hello?"})
            assert [next(iter(message)) for message in messages] == [
                "started", "sources", "delta", "delta", "completed"]


@pytest.mark.parametrize("media_type", ["application/connect+json", "application/grpc-web+json"])
def test_broken_frames_leave_the_connection_s_neighbours_alone(ada: Account, media_type: str) -> None:
    head = (
        f"POST /opentier.v1.ChatService/StreamChat HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ada.token}\r\n"
        f"Content-Type: {media_type}\r\n")
    for body in (b"", b"\0", b"\0\0\0\0\x05ab", b"\0\xff\xff\xff\xff", b"\xff" * 64, b"\x01\0\0\0\x01a", b"\0" * 10):
        received = send_raw(ada.server, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert received.startswith(b"HTTP/1.1 200"), received
    assert ada.search("river")


def test_the_log_names_the_code_that_the_status_hides(ada: Account) -> None:
    with pytest.raises(WireError):
        Curl(ada.server, ada.token, "grpc-web", extra={"x-request-id": "hidden-code"}).stream(
            "ChatService/StreamChat", {"message": " "})
    deadline = time.monotonic() + 5
    while not (lines := [line for line in ada.server.log_lines() if line.get("request_id") == "hidden-code"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert lines[-1]["status"] == "200" and lines[-1]["code"] == "invalid_argument"


def test_unknown_methods_and_types_are_told_by_their_protocol(ada: Account) -> None:
    caller = Curl(ada.server, ada.token)
    status, fields, body = caller.post("ChatService/Nothing", envelope(b"{}"), {"Content-Type": STREAMS["connect"]})
    assert status == 404 and json.loads(body)["code"] == "unimplemented"
    status, fields, body = caller.post("ChatService/Nothing", envelope(b"{}"), {"Content-Type": STREAMS["grpc-web"]})
    assert status == 200 and fields["grpc-status"] == "12" and body == b""
    status, fields, body = caller.post("ChatService/StreamChat", b"{}", {"Content-Type": "application/json"})
    assert status == 415 and "application/connect+json" in fields["accept-post"]
