"""How gRPC's connections and streams begin and end: leaving, deadlines, health, TLS, pings, shutdown, and what is no
gRPC at all."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from stubs import Client, generate
from support import QUICK, Call, Provider, Server, chunk, clean_environment, running

REPETITIONS = 20
AIM_MILLISECONDS = 100
BOUND_SECONDS = 2.0
GRACE = "shutdown: { grace: 2s }\n"
QUESTION = "Why does a river bend?"


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return generate(tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="module")
def server(binary: Path, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Server]:
    config = provider.config().replace("timeout: 2s", "timeout: 60s")
    with running(binary, tmp_path_factory.mktemp("connections"), config=config) as server:
        yield server


@pytest.fixture(scope="module")
def ada(server: Server, contract: ModuleType) -> Iterator[Client]:
    account = server.sign_up("ada")
    account.publish("Rivers", "A river bends because its outer bank is worn away.")
    client = Client(contract, server.grpc, account.token)
    yield client
    client.close()


def kind(event: Any) -> str:
    return event.WhichOneof("event")


def until(stream: Any, name: str) -> Any:
    """The first event of a kind."""
    return next(event for event in stream if kind(event) == name)


def silent(provider: Provider) -> Callable[[Call], None]:
    """Says one word and waits until it is left."""

    def behave(call: Call) -> None:
        call.head()
        call.send(chunk("word1 "))
        while not provider.stopping.is_set() and not call.is_left(within=1):
            pass

    return behave


def called(provider: Provider, count: int) -> Call:
    """The call behind the first `count`."""
    patience = time.monotonic() + 30
    while len(provider.calls) == count:
        assert time.monotonic() < patience, "the provider was not called"
        time.sleep(0.001)
    return provider.calls[-1]


def last_answer(ada: Client, conversation: str) -> Any:
    """The stored answer; storing goes on for a moment after the reader has left."""
    deadline = time.monotonic() + 10
    while True:
        messages = ada("Conversation.ListMessages", conversation_id=conversation).messages
        is_answer = ada.enum("MessageRole", messages[-1].role) == "MESSAGE_ROLE_ASSISTANT"
        if is_answer or time.monotonic() > deadline:
            return messages[-1]
        time.sleep(0.02)


# Leaving


@pytest.mark.parametrize("moment", ["while it talks", "while it is silent"])
def test_a_reader_who_cancels_ends_the_providers_call(
    ada: Client, provider: Provider, moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.behave = provider.talks_until_left if moment == "while it talks" else silent(provider)
    milliseconds = []
    for _ in range(REPETITIONS):
        count = len(provider.calls)
        stream = ada("Chat.StreamChat", message=QUESTION, timeout=60)
        conversation = until(stream, "started").started.conversation_id
        until(stream, "delta")
        call = called(provider, count)
        left_at = time.monotonic()
        stream.cancel()
        assert call.closed.wait(BOUND_SECONDS), f"the provider's call was still open {BOUND_SECONDS} s later"
        milliseconds.append((call.closed_at - left_at) * 1000)
        answer = last_answer(ada, conversation)
        assert answer.finish_reason == "cancelled" and answer.content.startswith("word1 ")
    assert statistics.median(milliseconds) < AIM_MILLISECONDS
    with capsys.disabled():
        print(
            f"\nthe provider's call ended, {moment}: median {statistics.median(milliseconds):.1f} ms, "
            f"from {min(milliseconds):.1f} to {max(milliseconds):.1f} ms, {REPETITIONS} times")


def test_a_connection_that_is_cut_ends_the_providers_call(
    server: Server, ada: Client, provider: Provider
) -> None:
    provider.behave = silent(provider)
    count = len(provider.calls)
    channel = grpc.insecure_channel(server.grpc, options=[("grpc.use_local_subchannel_pool", 1)])
    stream = Client(ada.contract, "", ada.token, channel)("Chat.StreamChat", message=QUESTION, timeout=60)
    until(stream, "delta")
    call = called(provider, count)
    channel.close()
    assert call.closed.wait(BOUND_SECONDS)


def test_a_reader_who_leaves_is_one_cancelled_call_in_the_log(server: Server, ada: Client, provider: Provider) -> None:
    provider.behave = silent(provider)
    stub = ada.contract.ChatServiceStub(ada.channel)
    stream = stub.StreamChat(
        ada.contract.StreamChatRequest(message=QUESTION), metadata=[*ada.metadata, ("x-request-id", "leaving")])
    until(stream, "delta")
    stream.cancel()
    assert line_of(server, "leaving")["code"] == "CANCELLED"


def line_of(server: Server, request_id: str) -> dict[str, Any]:
    """The log line of a call, which is written when the call has ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        lines = [line for line in server.log_lines() if line.get("request_id") == request_id]
        if lines:
            assert len(lines) == 1
            return lines[0]
        time.sleep(0.02)
    raise AssertionError(f"there is no line of {request_id}")


def test_many_calls_on_one_connection_are_served_and_left(server: Server, ada: Client, provider: Provider) -> None:
    provider.behave = silent(provider)
    first = len(provider.calls)
    streams = [ada("Chat.StreamChat", message=QUESTION, timeout=60) for _ in range(30)]
    for stream in streams:
        until(stream, "delta")
    assert "\ngrpc_active_streams 30\n" in httpx.get(f"{server.url}/metrics").text
    for stream in streams:
        stream.cancel()
    assert all(call.closed.wait(10) for call in provider.calls[first:])
    assert ada("Retrieval.Search", query="river").hits
    deadline = time.monotonic() + 10
    while "\ngrpc_active_streams 0\n" not in httpx.get(f"{server.url}/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Deadlines


def test_a_deadline_ends_the_call_and_the_providers(ada: Client, provider: Provider) -> None:
    provider.behave = silent(provider)
    count = len(provider.calls)
    start = time.monotonic()
    with pytest.raises(grpc.RpcError) as raised:
        list(ada("Chat.StreamChat", message=QUESTION, timeout=1))
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert called(provider, count).closed.wait(BOUND_SECONDS)
    assert provider.calls[-1].closed_at - start < 1 + AIM_MILLISECONDS / 1000 + 0.2


@pytest.mark.parametrize("timeout", ["300m", "99999999n", "00300000u", "0S"])
def test_the_server_keeps_a_deadline_of_a_client_that_does_not(
    server: Server, ada: Client, provider: Provider, timeout: str
) -> None:
    """The header alone, as it comes through a proxy: grpcio itself would cancel."""
    provider.behave = silent(provider)
    body = ada.contract.StreamChatRequest(message=QUESTION).SerializeToString()
    run = subprocess.run(
        [
            "curl", "-s", "--http2-prior-knowledge", "--max-time", "20", "-D", "-", "-o", os.devnull,
            "-H", "content-type: application/grpc", "-H", "te: trailers", "-H", f"grpc-timeout: {timeout}",
            "-H", f"authorization: Bearer {ada.token}", "--data-binary", "@-",
            f"http://{server.grpc}/opentier.v1.ChatService/StreamChat",
        ],
        input=b"\x00" + len(body).to_bytes(4, "big") + body, capture_output=True, timeout=30)
    assert run.returncode == 0
    assert b"grpc-status: 4" in run.stdout, run.stdout


# Health


def test_a_watcher_is_told_when_the_server_stops(
    binary: Path, tmp_path: Path, contract: ModuleType
) -> None:
    server = Server(binary, tmp_path, config=QUICK + "shutdown: { grace: 30s }\n").start()
    channel = grpc.insecure_channel(server.grpc)
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    start = time.monotonic()
    assert server.process
    server.process.send_signal(signal.SIGTERM)
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    with pytest.raises(grpc.RpcError) as raised:
        next(watch)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    # Watchers are not waited for.
    assert server.process.wait(20) == 0 and time.monotonic() - start < 10
    channel.close()


# Shutdown


def test_an_open_stream_may_end_after_sigterm(
    binary: Path, tmp_path: Path, contract: ModuleType, provider: Provider
) -> None:
    def slowly(call: Call) -> None:
        call.head()
        for number in range(20):
            call.send(chunk(f"word{number} "))
            time.sleep(0.1)
        call.send(chunk("", "stop"))
        call.send(b"data: [DONE]\n\n")

    provider.behave = slowly
    server = Server(binary, tmp_path, config=provider.config()).start()
    client = Client(contract, server.grpc, server.sign_up("ada").token)
    stream = client("Chat.StreamChat", message=QUESTION, timeout=60)
    until(stream, "delta")
    assert server.process
    server.process.send_signal(signal.SIGTERM)
    events = list(stream)
    assert kind(events[-1]) == "completed" and events[-1].completed.finish_reason == "stop"
    assert server.process.wait(20) == 0
    client.close()


def test_sigterm_ends_what_does_not_end(
    binary: Path, tmp_path: Path, contract: ModuleType, provider: Provider
) -> None:
    provider.behave = silent(provider)
    server = Server(binary, tmp_path, config=provider.config().replace("timeout: 2s", "timeout: 60s") + GRACE).start()
    client = Client(contract, server.grpc, server.sign_up("ada").token)
    stream = client("Chat.StreamChat", message=QUESTION, timeout=60)
    until(stream, "delta")
    idle = grpc.insecure_channel(server.grpc, options=[("grpc.keepalive_time_ms", 1000),
                                                       ("grpc.use_local_subchannel_pool", 1)])
    grpc.channel_ready_future(idle).result(10)
    host, port = server.grpc.rsplit(":", 1)
    with socket.create_connection((host, int(port))):
        assert server.process
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert time.monotonic() - start < 6
    with pytest.raises(grpc.RpcError) as raised:
        list(stream)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    idle.close()
    client.close()


# Pings


def test_many_pings_do_not_end_a_connection(server: Server, ada: Client, provider: Provider) -> None:
    provider.behave = silent(provider)
    channel = grpc.insecure_channel(server.grpc, options=[
        ("grpc.keepalive_time_ms", 20), ("grpc.keepalive_timeout_ms", 5000),
        ("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", 20), ("grpc.use_local_subchannel_pool", 1)])
    states: list[grpc.ChannelConnectivity] = []
    channel.subscribe(states.append)
    client = Client(ada.contract, "", ada.token, channel)
    client("Auth.GetMe")
    time.sleep(2)
    stream = client("Chat.StreamChat", message=QUESTION, timeout=60)
    until(stream, "delta")
    time.sleep(2)
    client("Auth.GetMe")
    stream.cancel()
    seen = states[states.index(grpc.ChannelConnectivity.READY):]
    assert seen == [grpc.ChannelConnectivity.READY], seen
    channel.close()


def test_bandwidth_probes_do_not_end_a_connection(server: Server, ada: Client) -> None:
    channel = grpc.insecure_channel(server.grpc, options=[
        ("grpc.http2.bdp_probe", 1), ("grpc.use_local_subchannel_pool", 1)])
    states: list[grpc.ChannelConnectivity] = []
    channel.subscribe(states.append)
    client = Client(ada.contract, "", ada.token, channel)
    text = "The otter holds hands while it sleeps. " * 2000
    submission = client("Knowledge.CreateSubmission", title="Otters", text=text).submission
    for _ in range(200):
        client("Knowledge.GetSubmission", submission_id=submission.id)
    assert states.count(grpc.ChannelConnectivity.READY) == 1
    channel.close()


# Connections


def frames(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    """HTTP/2 frames as the server sends them, until it closes: type and payload."""
    received = b""
    while True:
        while len(received) < 9 or len(received) < 9 + int.from_bytes(received[:3], "big"):
            data = connection.recv(65536)
            if not data:
                return
            received += data
        length = int.from_bytes(received[:3], "big")
        yield received[3], received[9:9 + length]
        received = received[9 + length:]


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
SETTINGS, PING, GOAWAY = 4, 6, 7


@pytest.mark.parametrize("preface", [PREFACE, b""], ids=["greets", "says nothing"])
def test_a_client_that_does_not_answer_pings_is_let_go(binary: Path, tmp_path: Path, preface: bytes) -> None:
    config = QUICK + "grpc: { keepalive: { interval: 1s, timeout: 1s } }\n"
    with running(binary, tmp_path, config=config) as server:
        host, port = server.grpc.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            start = time.monotonic()
            connection.sendall(preface)
            kinds = [kind for kind, _ in frames(connection)]
            assert 1.5 < time.monotonic() - start < 10
        assert not preface or PING in kinds


def test_streams_and_age_of_a_connection_are_limited(binary: Path, tmp_path: Path) -> None:
    config = QUICK + "grpc: { maximumStreams: 7, maximumConnectionAge: 1s }\n"
    with running(binary, tmp_path, config=config) as server:
        host, port = server.grpc.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(PREFACE)
            for kind, payload in frames(connection):
                if kind == SETTINGS and payload:
                    settings = {payload[i:i + 2]: payload[i + 2:i + 6] for i in range(0, len(payload), 6)}
                    assert settings[b"\x00\x03"] == (7).to_bytes(4, "big")
                if kind == GOAWAY:
                    break
            else:
                pytest.fail("the server closed the connection without a word")


# What is no gRPC


def test_what_is_no_grpc_harms_nobody(server: Server, ada: Client) -> None:
    host, port = server.grpc.rsplit(":", 1)

    def send(*parts: bytes) -> bytes:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.settimeout(5)
            try:
                for part in parts:
                    connection.sendall(part)
                connection.shutdown(socket.SHUT_WR)
                received = b""
                while data := connection.recv(65536):
                    received += data
                return received
            except OSError:
                return b""

    for garbage in (
        b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(100_000), PREFACE[:24],
        PREFACE[:24] + os.urandom(10_000), PREFACE, PREFACE + os.urandom(10_000), b"\x16\x03\x01\x02\x00\x01" + os.urandom(600),
        # Headers that cannot be decompressed, data on a stream that nobody opened, a frame that is too long.
        PREFACE + b"\x00\x00\x04\x01\x05\x00\x00\x00\x01" + b"\xff" * 4,
        PREFACE + b"\x00\x00\x05\x00\x01\x00\x00\x00\x01" + bytes(5),
        PREFACE + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + bytes(1000),
    ):
        send(garbage)
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://{server.grpc}/", timeout=5)
    reset = [socket.create_connection((host, int(port))) for _ in range(50)]
    for connection in reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.sendall(PREFACE)
        connection.close()
    assert ada("Auth.GetMe").user.display_name == "Ada"
    assert server.process and server.process.poll() is None


# TLS


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def authority(folder: Path, name: str) -> None:
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem",
            "-days", "2", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")


def certificate(folder: Path, name: str, issuer: str) -> None:
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
            "-subj", f"/CN={name}")
    (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key",
            "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    authority(folder, "ca")
    authority(folder, "stranger")
    certificate(folder, "server", "ca")
    certificate(folder, "client", "ca")
    certificate(folder, "intruder", "stranger")
    return folder


def credentials(folder: Path, client: str | None = None) -> grpc.ChannelCredentials:
    read = lambda name: (folder / name).read_bytes()  # noqa: E731
    if client is None:
        return grpc.ssl_channel_credentials(read("ca.pem"))
    return grpc.ssl_channel_credentials(read("ca.pem"), read(f"{client}.key"), read(f"{client}.pem"))


def check(address: str, credentials: grpc.ChannelCredentials | None) -> int:
    channel = grpc.secure_channel(address, credentials) if credentials else grpc.insecure_channel(address)
    with channel:
        return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5).status


def test_tls(binary: Path, tmp_path: Path, certificates: Path) -> None:
    config = f"{QUICK}grpc: {{ tls: {{ certificate: {certificates}/server.pem, key: {certificates}/server.key }} }}\n"
    with running(binary, tmp_path, config=config) as server:
        assert check(server.grpc, credentials(certificates)) == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError):
            check(server.grpc, None)
        with pytest.raises(grpc.RpcError):
            check(server.grpc, grpc.ssl_channel_credentials((certificates / "stranger.pem").read_bytes()))


def test_mutual_tls(binary: Path, tmp_path: Path, certificates: Path, contract: ModuleType) -> None:
    environment = {
        "OPENTIER_GRPC_TLS_CERTIFICATE": f"{certificates}/server.pem",
        "OPENTIER_GRPC_TLS_KEY": f"{certificates}/server.key",
        "OPENTIER_GRPC_TLS_CLIENT_CA": f"{certificates}/ca.pem",
    }
    with running(binary, tmp_path, environment=environment) as server:
        assert check(server.grpc, credentials(certificates, "client")) == health_pb2.HealthCheckResponse.SERVING
        for stranger in (credentials(certificates), credentials(certificates, "intruder"), None):
            with pytest.raises(grpc.RpcError):
                check(server.grpc, stranger)
        channel = grpc.secure_channel(server.grpc, credentials(certificates, "client"))
        token = server.sign_up("ada").token
        client = Client(contract, "", token, channel)
        assert [kind(event) for event in client("Chat.StreamChat", message="Hello")][-1] == "completed"
        client.close()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"key": "server.key"}, ["grpc.tls.certificate is not set", "grpc.tls.key is"]),
        ({"certificate": "server.pem"}, ["grpc.tls.key is not set"]),
        ({"clientCA": "ca.pem"}, ["grpc.tls.certificate is not set", "grpc.tls.clientCA is"]),
        ({"certificate": "nothing.pem", "key": "server.key"}, ["grpc.tls.certificate names", "does not exist"]),
        ({"certificate": "server.key", "key": "server.key"}, ["grpc.tls.certificate names", "no certificate"]),
        ({"certificate": "server.pem", "key": "server.pem"}, ["grpc.tls.key names", "no private key"]),
        ({"certificate": "server.pem", "key": "client.key"}, ["grpc.tls.key names", "is not the key of"]),
        ({"certificate": "server.pem", "key": "server.key", "clientCA": "server.key"},
         ["grpc.tls.clientCA names", "no certificate"]),
    ],
)
def test_files_that_do_not_fit_stop_the_start(
    binary: Path, tmp_path: Path, certificates: Path, keys: dict[str, str], words: list[str]
) -> None:
    values = ", ".join(f"{key}: {certificates / name}" for key, name in keys.items())
    (tmp_path / "opentier.yaml").write_text(f"grpc: {{ tls: {{ {values} }} }}\n")
    run = subprocess.run(
        [binary, "serve", "--profile", "memory", "--port", "0"], cwd=tmp_path, capture_output=True, text=True,
        timeout=30, env=clean_environment())
    assert run.returncode == 2 and not run.stdout
    assert "opentier.yaml, key grpc.tls." in run.stderr and all(word in run.stderr for word in words), run.stderr


# Ports


def test_a_port_in_use_is_named(binary: Path, tmp_path: Path, server: Server) -> None:
    def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [binary, "serve", "--profile", "memory", *arguments], cwd=tmp_path, capture_output=True, text=True,
            timeout=30, env=clean_environment())

    taken = server.grpc.rsplit(":", 1)[1]
    run = serve("--port", "0", "--grpc-port", taken)
    assert run.returncode == 5 and not run.stdout
    assert f"gRPC cannot listen on 127.0.0.1:{taken}" in run.stderr and "--grpc-port" in run.stderr
    run = serve("--port", taken, "--grpc-port", "0")
    assert run.returncode == 5 and not run.stdout
    assert f"cannot listen on 127.0.0.1:{taken}" in run.stderr and "--port" in run.stderr
    assert "--grpc-port" not in run.stderr.splitlines()[-1]


def test_servers_on_free_ports_do_not_collide(binary: Path, tmp_path: Path, server: Server) -> None:
    process = subprocess.Popen(
        [binary, "serve", "--profile", "memory", "--port", "0", "--json"], cwd=tmp_path, env=clean_environment(),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        assert set(told) == {"url", "grpc", "profile"} and told["grpc"] not in (server.grpc, "127.0.0.1:9090")
        for address in (told["grpc"], server.grpc):
            assert check(address, None) == health_pb2.HealthCheckResponse.SERVING
    finally:
        process.terminate()
        assert process.wait(20) == 0
