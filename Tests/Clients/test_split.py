"""The server in two halves: a public gateway, and intelligence processes that only it calls."""

from __future__ import annotations

import contextlib
import itertools
import signal
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from postgres import Database, PRODUCTION, production
from resuming import begin, check_whole, message_of, recites, refused, resume, taking_up
from support import (
    QUICK, Account, Call, Provider, Server, check_quotations, chunk, clean_environment, error_of, events)

AIM_MILLISECONDS = 100
BOUND_SECONDS = 2.0
RIVER = "A river bends because its outer bank is worn away."


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Half(Server):
    """One process of a split server; its data are the halves' own."""

    shared: Path = Path()

    @property
    def data(self) -> Path:
        return self.shared


@dataclass
class Halves:
    """A gateway and its intelligence processes over the same data."""

    binary: Path
    folder: Path
    config: str
    profile: str = "offline"
    environment: dict[str, str] = field(default_factory=dict)
    inner: list[int] = field(default_factory=list)
    intelligence: list[Half] = field(default_factory=list)
    gateway: Half | None = None

    def half(self, name: str, *flags: str, config: str | None = None) -> Half:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return Half(
            self.binary, folder, config=self.config if config is None else config, profile=self.profile,
            arguments=flags, environment=self.environment, shared=self.folder / "data")

    def add_intelligence(self) -> Half:
        port = free_port()
        half = self.half(f"intelligence-{len(self.inner)}", "--role", "intelligence", "--grpc-port", str(port))
        self.inner.append(port)
        self.intelligence.append(half)
        return half

    def make_gateway(self, *flags: str, config: str | None = None) -> Half:
        addresses = ",".join(f"127.0.0.1:{port}" for port in self.inner)
        self.gateway = self.half("gateway", "--role", "gateway", "--intelligence", addresses, *flags, config=config)
        return self.gateway

    def close(self) -> None:
        """Ends all with SIGTERM, the gateway first; each must end well."""
        for half in [self.gateway, *self.intelligence]:
            if half and half.process:
                half.close()


@pytest.fixture
def halves(
    binary: Path, tmp_path_factory: pytest.TempPathFactory, provider: Provider
) -> Iterator[Callable[..., Halves]]:
    """Makes the halves of a server, not started: `halves(intelligence=2)`."""
    made: list[Halves] = []

    def make(intelligence: int = 1, config: str | None = None, **more: Any) -> Halves:
        own = provider.config().replace("timeout: 2s", "timeout: 60s") if config is None else config
        one = Halves(binary, tmp_path_factory.mktemp("halves"), own, **more)
        made.append(one)
        for _ in range(intelligence):
            one.add_intelligence()
        one.make_gateway()
        return one

    try:
        yield make
        for one in made:
            one.close()
    finally:
        for one in made:
            for half in [one.gateway, *one.intelligence]:
                if half and half.process:
                    half.kill()


def started(halves: Halves) -> Half:
    for half in halves.intelligence:
        half.start()
    assert halves.gateway
    return halves.gateway.start()


def checks(server: Server) -> tuple[int, dict[str, dict[str, Any]]]:
    answer = httpx.get(f"{server.url}/readyz", timeout=10)
    return answer.status_code, {check["name"]: check for check in answer.json()["checks"]}


def until(condition: Callable[[], bool], patience: float = 15) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {patience} s"
        time.sleep(0.05)


def main_job(ada: Account) -> None:
    """From a submission to a cited answer, its quotations checked byte by byte."""
    job = ada.publish("Rivers", "Über Flüsse. " + RIVER + " Die Größe: 3 m. 🏞️")
    assert job["state"] == "JOB_STATE_INDEXED"
    hits = ada.search("outer bank")
    assert [hit["documentId"] for hit in hits] == [job["documentId"]]
    check_quotations(ada, hits)
    reply = ada.ask("Why does a river bend?")
    assert reply.end.name == "completed" and reply.end.data["finishReason"] == "stop"
    assert reply.citations and reply.deltas > 0
    check_quotations(ada, reply.sources)
    check_quotations(ada, reply.citations)
    stored = ada.messages(reply.started["conversationId"])
    assert stored[-1]["content"] == reply.text


def test_the_main_job_through_the_split(halves: Callable[..., Halves]) -> None:
    split = halves(config=QUICK)
    main_job(started(split).sign_up("ada"))
    assert split.gateway
    status, found = checks(split.gateway)
    assert status == 200 and found["intelligence"]["detail"] == "1 of 1 processes serve"
    # The same request has the same id and trace on both sides.
    searched = [line for line in split.gateway.log_lines() if line.get("route") == "/api/v1/search"][-1]
    inner = [line for line in split.intelligence[0].log_lines() if line.get("request_id") == searched["request_id"]]
    assert [line["method"] for line in inner] == ["opentier.intelligence.v1.IntelligenceService/Search"]
    assert inner[0]["trace_id"] == searched["trace_id"]


def test_the_main_job_through_the_split_over_postgresql(
    halves: Callable[..., Halves], postgres: Database
) -> None:
    split = halves(
        intelligence=2, config=PRODUCTION, profile="production", environment=production(postgres.url))
    gateway = started(split)
    gateway.sign_up("ada")
    subprocess.run(
        [str(gateway.binary), "users", "grant", "ada@example.org", "admin", "--profile", "production"],
        check=True, env=clean_environment(**production(postgres.url)), cwd=gateway.folder, capture_output=True)
    main_job(gateway.sign_in("ada@example.org"))


def test_search_in_one_process_sees_what_the_other_deleted(halves: Callable[..., Halves]) -> None:
    ada = started(halves(config=QUICK)).sign_up("ada")
    job = ada.publish("Rivers", RIVER)
    assert ada.search("river bends", "SEARCH_MODE_HYBRID")
    ada.call("DELETE", f"/documents/{job['documentId']}")
    assert ada.search("river bends", "SEARCH_MODE_HYBRID") == []


def test_the_intelligence_side_is_not_public(halves: Callable[..., Halves]) -> None:
    split = halves(config=QUICK)
    started(split)
    inner = split.intelligence[0]
    assert httpx.get(f"{inner.url}/healthz").status_code == 200
    assert httpx.get(f"{inner.url}/metrics").status_code == 200
    for path in ("/", "/openapi.json", "/api/v1/auth/me"):
        assert httpx.get(inner.url + path).status_code == 404
    assert httpx.post(f"{inner.url}/opentier.v1.AuthService/SignUp", json={}).status_code == 404


def test_a_reader_who_leaves_cancels_the_providers_call_behind_the_split(
    halves: Callable[..., Halves], provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = started(halves()).sign_up("ada")
    ada.publish("Rivers", RIVER)
    provider.behave = provider.talks_until_left
    milliseconds = []
    for _ in range(20):
        with ada.open_stream("/chat", {"message": "Why does a river bend?"}) as stream:
            stream.until("delta")
            left_at = stream.leave()
        call = provider.calls[-1]
        assert call.closed.wait(BOUND_SECONDS), f"the provider's call was still open {BOUND_SECONDS} s later"
        milliseconds.append((call.closed_at - left_at) * 1000)
    assert statistics.median(milliseconds) < AIM_MILLISECONDS
    with capsys.disabled():
        print(
            f"\nthe provider's call ended behind the split: median {statistics.median(milliseconds):.1f} ms, "
            f"from {min(milliseconds):.1f} to {max(milliseconds):.1f} ms, {len(milliseconds)} times")


def test_a_lost_intelligence_process_fails_its_stream_and_nothing_else(
    halves: Callable[..., Halves], provider: Provider
) -> None:
    split = halves()
    gateway = started(split)
    ada = gateway.sign_up("ada")
    document = ada.publish("Rivers", RIVER)["documentId"]
    provider.behave = provider.talks_until_left
    with ada.open_stream("/chat", {"message": "Why does a river bend?"}) as stream:
        stream.until("delta")
        split.intelligence[0].kill()
        killed_at = time.monotonic()
        failed = stream.until("failed")
        assert time.monotonic() - killed_at < 1
        assert failed.data["code"] == "unavailable"
    # What needs no intelligence goes on.
    assert RIVER.encode() == ada.text(document)
    gateway.sign_in("ada@example.org")
    with ada.client() as client:
        asked_at = time.monotonic()
        error_of(client.post("/search", json={"query": "river"}), 503, "unavailable")
        assert time.monotonic() - asked_at < 3
    status, found = checks(gateway)
    assert status == 200 and found["intelligence"]["state"] == "degraded"
    # The next request after a restart works; nobody restarts the gateway.
    split.intelligence[0].start()
    assert [hit["documentId"] for hit in ada.search("river bends")] == [document]


def test_of_two_intelligence_processes_one_may_be_lost(halves: Callable[..., Halves], provider: Provider) -> None:
    split = halves(intelligence=2)
    ada = started(split).sign_up("ada")
    ada.publish("Rivers", RIVER)
    assert split.gateway
    until(lambda: checks(split.gateway)[1]["intelligence"]["detail"] == "2 of 2 processes serve")
    hold = threading.Event()

    def waits(call: Call) -> None:
        call.head()
        call.send(chunk("first "))
        while not hold.wait(0.05) and not call.is_left(within=0):
            pass
        with contextlib.suppress(OSError):
            call.send(chunk("second"))
            call.send(chunk(finish="stop"))
            call.send(b"data: [DONE]\n\n")

    provider.behave = waits
    with contextlib.ExitStack() as stack:
        streams = [
            stack.enter_context(ada.open_stream("/chat", {"message": "Why does a river bend?"})) for _ in range(4)]
        for stream in streams:
            stream.until("delta")
        split.intelligence[0].kill()
        time.sleep(0.3)
        hold.set()
        ends = []
        for stream in streams:
            *_, last = list(stream)
            ends.append(last)
    # Round robin gave each process two.
    assert sorted(end.name for end in ends) == ["completed", "completed", "failed", "failed"]
    assert {end.data["code"] for end in ends if end.name == "failed"} == {"unavailable"}
    for _ in range(6):
        assert ada.search("river bends")
        assert ada.ask("Why does a river bend?").end.name == "completed"


def test_a_gateway_starts_before_any_intelligence(halves: Callable[..., Halves]) -> None:
    split = halves(config=QUICK)
    assert split.gateway
    gateway = split.gateway.start()
    ada = gateway.sign_up("ada")
    job = ada.approve(ada.submit("Rivers", RIVER))
    status, found = checks(gateway)
    assert status == 200 and found["intelligence"]["state"] == "degraded"
    split.intelligence[0].start()
    assert ada.finished(job)["state"] == "JOB_STATE_INDEXED"
    assert ada.search("river bends")


def test_a_gateway_with_another_secret_is_refused(halves: Callable[..., Halves]) -> None:
    split = halves(intelligence=0, config=QUICK + f"intelligence: {{ secret: {'a' * 32} }}\n")
    split.add_intelligence().start()
    gateway = split.make_gateway(config=QUICK + f"intelligence: {{ secret: {'b' * 32} }}\n").start()
    ada = gateway.sign_up("ada")
    with ada.client() as client:
        message = error_of(client.post("/search", json={"query": "river"}), 500, "internal")
    assert "secret" not in message
    assert any("intelligence.secret" in str(line.get("error")) for line in gateway.log_lines())
    gateway.close()
    ada = split.make_gateway().start().sign_in("ada@example.org")
    assert ada.search("river") == []


def test_both_sides_show_certificates(halves: Callable[..., Halves], tmp_path: Path) -> None:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
        "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
        "-keyout", "half.key", "-out", "half.csr")
    (tmp_path / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl(
        "x509", "-req", "-in", "half.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-extfile", "names",
        "-out", "half.pem")
    files = f"ca: {tmp_path}/ca.pem, certificate: {tmp_path}/half.pem, key: {tmp_path}/half.key"
    split = halves(intelligence=0, config=QUICK + f"intelligence: {{ tls: {{ {files} }} }}\n")
    split.add_intelligence().start()
    port = split.inner[0]
    split.gateway = split.half("gateway", "--role", "gateway", "--intelligence", f"localhost:{port}")
    ada = split.gateway.start().sign_up("ada")
    ada.publish("Rivers", RIVER)
    assert ada.search("river bends")
    # A gateway without a certificate is nobody.
    plain = split.half("plain", "--role", "gateway", "--intelligence", f"localhost:{port}", config=QUICK).start()
    try:
        with plain.sign_in("ada@example.org").client() as client:
            error_of(client.post("/search", json={"query": "river"}), 503, "unavailable")
    finally:
        plain.close()


@pytest.mark.parametrize("policy", ["leastConnections", "weighted", "organization"])
def test_every_policy_serves(halves: Callable[..., Halves], policy: str) -> None:
    split = halves(intelligence=2, config=QUICK + f"intelligence: {{ policy: {policy} }}\n")
    ada = started(split).sign_up("ada")
    ada.publish("Rivers", RIVER)
    assert split.gateway
    until(lambda: checks(split.gateway)[1]["intelligence"]["detail"] == "2 of 2 processes serve")
    for _ in range(8):
        assert ada.search("river bends")
    counts = [
        sum(1 for line in half.log_lines() if str(line.get("method", "")).endswith("/Search"))
        for half in split.intelligence]
    if policy == "organization":
        assert 0 in counts, "one organisation's calls go to one process"
    else:
        assert min(counts) >= 3, f"calls were not shared: {counts}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--role", "gateway"], "intelligence.addresses"),
        (["--role", "gateway", "--intelligence", "nowhere"], "host:port"),
        (["--role", "gateway", "--intelligence", "127.0.0.1:1", "--profile", "memory"], "profile"),
        (["--role", "intelligence", "--host", "0.0.0.0"], "intelligence.secret"),
    ])
def test_a_role_that_could_not_work_is_refused(
    binary: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = subprocess.run(
        [str(binary), "serve", "--port", "0", "--data", str(tmp_path / "data"), *arguments], cwd=tmp_path,
        env=clean_environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert words in done.stderr


def test_sigterm_ends_both_halves_in_mid_stream(halves: Callable[..., Halves], provider: Provider) -> None:
    split = halves(config=provider.config() + "shutdown: { grace: 500ms }\n")
    ada = started(split).sign_up("ada")
    ada.publish("Rivers", RIVER)
    provider.behave = provider.talks_until_left
    assert split.gateway
    with ada.open_stream("/chat", {"message": "Why does a river bend?"}) as stream:
        stream.until("delta")
        assert split.gateway.terminate() == 0
    assert split.intelligence[0].terminate() == 0


def test_hundreds_of_readers_who_leave_break_nobody_elses_stream(
    halves: Callable[..., Halves], provider: Provider
) -> None:
    split = halves()
    gateway = started(split)
    ada = gateway.sign_up("ada")
    provider.behave = provider.talks_until_left
    # More than the transport lets be reset on one connection within 30 s, some of them at once.
    begun_at = time.monotonic()
    with ada.open_stream("/chat", {"message": "Why does a river bend?"}) as long:
        long.until("delta")
        left = 0
        while left < 300:
            with contextlib.ExitStack() as stack:
                for stream in [
                    stack.enter_context(ada.open_stream("/chat", {"message": "Why does a river bend?"}))
                    for _ in range(20)
                ]:
                    stream.until("started")
                    left += 1
        assert time.monotonic() - begun_at < 30, "too slow to show anything"
        for _ in range(50):
            assert next(iter(long)).name == "delta"
    assert not [line for line in gateway.log_lines() if "does not serve" in str(line)]


# Resumable answers


def test_a_cut_stream_is_taken_up_from_the_process_that_writes_it(
    halves: Callable[..., Halves], provider: Provider
) -> None:
    split = halves(intelligence=3)
    gateway = started(split)
    ada = gateway.sign_up("ada")
    until(lambda: checks(gateway)[1]["intelligence"]["detail"] == "3 of 3 processes serve")
    provider.behave = recites()
    # Each process has a log of its own: one after the other writes, and the gateway finds each.
    for _ in range(3):
        seen = begin(ada, 8)
        check_whole(seen + resume(ada, message_of(seen), seen[-1].id))
    refused(ada, message_of(seen), 99, 400, "invalid_argument")
    refused(gateway.sign_up("bob"), message_of(seen), 1, 404, "not_found")
    provider.behave = provider.talks_until_left
    seen = begin(ada, 4)
    ada.call("POST", f"/chat/{message_of(seen)}/cancel", json={})
    assert provider.calls[-1].closed.wait(BOUND_SECONDS)
    assert resume(ada, message_of(seen), 4)[-1].data["finishReason"] == "cancelled"


def test_an_answer_outlives_the_gateway(halves: Callable[..., Halves], provider: Provider) -> None:
    split = halves()
    gateway = started(split)
    ada = gateway.sign_up("ada")
    provider.behave = recites(0.05)
    with ada.open_stream("/chat", {"message": "Why does a river bend?", "resumable": True}) as stream:
        seen = list(itertools.islice(stream, 8))
        gateway.kill()
    gateway.start()
    check_whole(seen + resume(ada.at(gateway), message_of(seen), seen[-1].id))


def test_a_cut_stream_is_taken_up_from_any_process_over_postgresql(
    halves: Callable[..., Halves], provider: Provider, postgres: Database
) -> None:
    split = halves(intelligence=2, profile="production", environment=production(postgres.url))
    gateway = started(split)
    ada = gateway.sign_up("ada")
    until(lambda: checks(gateway)[1]["intelligence"]["detail"] == "2 of 2 processes serve")
    provider.behave = recites()
    for _ in range(2):
        seen = begin(ada, 8)
        check_whole(seen + resume(ada, message_of(seen), seen[-1].id))
    # The process that writes is killed: the reader learns it from the other.
    provider.behave = provider.talks_until_left
    seen = begin(ada, 5)
    [writer] = [half for half in split.intelligence if message_is_written_by(half, seen, postgres)]
    writer.kill()
    with taking_up(ada, message_of(seen), 5) as answer:
        assert answer.status_code == 200
        last = list(events(answer.iter_lines()))[-1]
    assert last.name == "failed" and last.data["code"] == "unavailable"


def message_is_written_by(half: Half, seen: list[Any], postgres: Database) -> bool:
    """Suspends a process for a moment: the reply that it writes gets no more events meanwhile."""
    count = f"SELECT event_count FROM chat_replies WHERE id = '{message_of(seen)}'"
    assert half.process
    half.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(0.2)
        before = postgres.value(count)
        time.sleep(0.6)
        return bool(postgres.value(count) == before)
    finally:
        half.process.send_signal(signal.SIGCONT)
