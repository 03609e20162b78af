"""Traces, metrics and logs, as a collector, Prometheus and whoever reads standard error get them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest, ExportTraceServiceResponse)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from support import Account, Call, Provider, chunk, running, says
from test_split import Halves, halves, started, until  # noqa: F401  (a fixture)

MARKER = "zanzibar-marker"
PROMPT = f"How does the {MARKER} flutter?"
ANSWER = f"Words about the {MARKER}."
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


@dataclass
class Received:
    """A span, and what the process told of itself."""

    span: Span
    resource: dict[str, str]

    @property
    def attributes(self) -> dict[str, Any]:
        return {
            pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value")
            for pair in self.span.attributes}


class Collector:
    """Takes spans over OTLP/HTTP, decoded by OpenTelemetry's own messages, and answers as `behave` says."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.behave: Callable[[], tuple[int, dict[str, str], bytes]] = lambda: (200, {}, b"")
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/traces", self.path
                collector.headers.append({name.lower(): value for name, value in self.headers.items()})
                collector.bodies.append(body)
                status, headers, answer = collector.behave()
                if status == 200:
                    collector.take(body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, body: bytes) -> None:
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = {pair.key: pair.value.string_value for pair in of_resource.resource.attributes}
            for of_scope in of_resource.scope_spans:
                assert of_scope.scope.name == "opentier" and of_scope.scope.version
                self.received += [Received(span, resource) for span in of_scope.spans]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def named(self, name: str) -> list[Received]:
        return [one for one in self.received if one.span.name == name]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def telemetry(collector: Collector, more: str = "") -> str:
    return (
        f'telemetry:\n  otlp: {{ endpoint: "{collector.url}", interval: 100ms }}\n{more}'
        "log: { level: trace, format: json }\n")


@pytest.fixture
def traced(
    binary: Path, tmp_path: Path, provider: Provider, collector: Collector
) -> Iterator[Account]:
    provider.behave = says(*ANSWER.split(" "))
    priced = provider.config(telemetry(collector)).replace(
        "timeout: 2s", 'timeout: 2s, promptPrice: "2000", completionPrice: "10000"')
    with running(binary, tmp_path, config=priced) as server:
        yield server.sign_up("ada")


def ask(account: Account, message: str = PROMPT, trace: bool = True) -> str:
    headers = {"Authorization": f"Bearer {account.token}", "Accept": "text/event-stream"}
    if trace:
        headers["traceparent"] = f"00-{TRACE}-{CALLER}-01"
    answer = httpx.post(
        f"{account.server.url}/api/v1/chat", json={"message": message}, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.text


def metrics(account: Account) -> str:
    answer = httpx.get(f"{account.server.url}/metrics", timeout=10)
    assert answer.status_code == 200
    return answer.text


def test_a_question_is_a_tree_of_spans_in_its_callers_trace(
    traced: Account, collector: Collector, provider: Provider
) -> None:
    traced.publish("Flutter", f"The {MARKER} flutter is an oscillation of a wing.")
    began = time.time_ns()
    assert "event: completed" in ask(traced)
    until(lambda: len(collector.named("POST /api/v1/chat")) == 1 and bool(collector.named("db_save_usage")))
    of_trace = [one for one in collector.received if one.span.trace_id.hex() == TRACE]
    by_id = {one.span.span_id: one for one in of_trace}
    names = [one.span.name for one in of_trace]
    assert {"POST /api/v1/chat", "handle_chat_request", "validate_quota", "db_fetch_context", "call_provider",
            "first_token_received", "db_save_usage"} <= set(names), names

    def one(name: str) -> Received:
        found = [received for received in of_trace if received.span.name == name]
        assert len(found) == 1, name
        return found[0]

    server, chat, call = one("POST /api/v1/chat"), one("handle_chat_request"), one("call_provider")
    assert server.span.parent_span_id.hex() == CALLER
    assert chat.span.parent_span_id == server.span.span_id
    assert call.span.parent_span_id == chat.span.span_id
    assert one("first_token_received").span.parent_span_id == call.span.span_id
    assert one("validate_quota").span.parent_span_id == chat.span.span_id
    assert one("db_save_usage").span.parent_span_id == chat.span.span_id
    looks = [received for received in of_trace if received.span.name == "db_fetch_context"]
    assert all(look.span.parent_span_id == chat.span.span_id for look in looks)
    assert {"lexical", "passages"} <= {look.attributes["db.operation.name"] for look in looks}

    assert server.span.kind == Span.SPAN_KIND_SERVER and call.span.kind == Span.SPAN_KIND_CLIENT
    assert chat.span.kind == Span.SPAN_KIND_INTERNAL
    assert server.attributes["http.route"] == "/api/v1/chat"
    assert server.attributes["http.request.method"] == "POST"
    assert server.attributes["http.response.status_code"] == 200
    assert call.attributes["gen_ai.request.model"] == "fake"
    reasons = call.attributes["gen_ai.response.finish_reasons"].values
    assert [reason.string_value for reason in reasons] == ["stop"]
    assert chat.attributes["user.id"] == traced.user["id"]
    assert chat.attributes["opentier.organization.id"] == traced.user["organizationId"]
    for received in of_trace:
        span = received.span
        assert began <= span.start_time_unix_nano <= span.end_time_unix_nano <= time.time_ns()
        assert span.flags & 1
        assert span.parent_span_id.hex() == CALLER or span.parent_span_id in by_id
        parent = by_id.get(span.parent_span_id)
        assert not parent or parent.span.start_time_unix_nano <= span.start_time_unix_nano
        assert received.resource["service.name"] == "opentier" and received.resource["opentier.role"] == "all"
    # The provider is called within the same trace, under the span of its call.
    sent = provider.calls[-1].headers["traceparent"]
    assert sent == f"00-{TRACE}-{call.span.span_id.hex()}-01"
    assert collector.headers[0]["content-type"] == "application/x-protobuf"


def test_nothing_of_a_prompt_or_an_answer_is_in_a_span_a_metric_or_the_log(
    traced: Account, collector: Collector, provider: Provider
) -> None:
    traced.publish(f"About the {MARKER}", f"The {MARKER} flutter is an oscillation of a wing.")
    assert MARKER in ask(traced)

    def breaks(call: Call) -> None:
        call.head()
        call.send(chunk(f"{MARKER} begins"))
        call.send(b"data: {" + MARKER.encode() + b"\n\n")

    provider.behave = breaks
    assert "event: failed" in ask(traced)
    key = traced.key("chat")
    for body in (
        {"model": "fake", "messages": [{"role": "user", "content": PROMPT}]},
        {"model": MARKER, "messages": [{"role": "user", "content": PROMPT}]},
        {"model": "fake", "messages": [{"role": MARKER, "content": PROMPT}]},
    ):
        httpx.post(f"{traced.server.url}/v1/chat/completions", json=body, timeout=30,
                   headers={"Authorization": f"Bearer {key}"})
    httpx.post(f"{traced.server.url}/{MARKER}?q={MARKER}", timeout=10)
    traced.search(MARKER)
    found = metrics(traced)
    until(lambda: len(collector.named("POST /v1/chat/completions")) == 3)
    until(lambda: len(collector.named("POST unmatched")) == 1)
    failed = [one for one in collector.named("call_provider") if one.span.status.code == Status.STATUS_CODE_ERROR]
    assert failed and all(one.attributes["error.type"] == "broken" for one in failed)
    assert "call_provider" in b"".join(collector.bodies).decode(errors="replace")
    for text in (b"".join(collector.bodies).decode(errors="replace"), found, traced.server.log()):
        assert MARKER not in text.lower()


def test_histograms_tell_the_first_token_the_gaps_and_the_rate(traced: Account, provider: Provider) -> None:
    def behave(call: Call) -> None:
        call.head()
        time.sleep(0.2)
        for word in ("one ", "two ", "three "):
            call.send(chunk(word))
            time.sleep(0.06)
        call.send(b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n')
        call.send(chunk(finish="stop") + b"data: [DONE]\n\n")

    provider.behave = behave
    ask(traced)
    until(lambda: "ai_tokens_total" in metrics(traced))
    text = metrics(traced)

    def value(sample: str) -> float:
        match = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
        assert match, f"{sample} is not in\n{text}"
        return float(match[1])

    labels = '{model="fake"}'
    assert value(f"ai_first_token_duration_ms_count{labels}") == 1
    assert 200 <= value(f"ai_first_token_duration_ms_sum{labels}") < 5_000
    assert value(f"ai_inter_token_duration_ms_count{labels}") == 2
    assert 100 <= value(f"ai_inter_token_duration_ms_sum{labels}") < 5_000
    assert value(f"ai_tokens_per_second_count{labels}") == 1
    assert 0 < value(f"ai_tokens_per_second_sum{labels}") < 20
    assert "# TYPE ai_first_token_duration_ms histogram" in text
    whose = f'model="fake",organization="{traced.user["organizationId"]}"'
    assert value(f'ai_tokens_total{{kind="prompt",{whose}}}') == 7
    assert value(f'ai_tokens_total{{kind="completion",{whose}}}') == 3
    assert value(f"ai_cost_total{{{whose}}}") == pytest.approx((7 * 2_000 + 3 * 10_000) / 1_000_000)


def test_a_split_server_is_one_trace(
    halves: Callable[..., Halves], provider: Provider, collector: Collector  # noqa: F811
) -> None:
    provider.behave = says("Words.")
    whole = halves(config=provider.config(telemetry(collector)))
    ada = started(whole).sign_up("ada")
    ask(ada)
    until(lambda: len(collector.named("POST /api/v1/chat")) == 1 and len(collector.named("call_provider")) == 1)
    until(lambda: any("IntelligenceService" in one.span.name for one in collector.received))
    of_trace = [one for one in collector.received if one.span.trace_id.hex() == TRACE]
    by_id = {one.span.span_id: one for one in of_trace}
    call = next(one for one in of_trace if one.span.name == "call_provider")
    path = []
    at: Received | None = call
    while at:
        path.append((at.resource["opentier.role"], at.span.name))
        at = by_id.get(at.span.parent_span_id)
    assert [role for role, _ in path] == ["intelligence", "intelligence", "gateway", "gateway"], path
    assert [name for _, name in path][2:] == ["handle_chat_request", "POST /api/v1/chat"], path
    inner = by_id[call.span.parent_span_id]
    assert inner.span.kind == Span.SPAN_KIND_SERVER and inner.attributes["rpc.system"] == "grpc"
    assert inner.attributes["rpc.grpc.status_code"] == 0


def test_a_collector_that_is_away_costs_spans_and_nothing_else(
    binary: Path, tmp_path: Path, provider: Provider, collector: Collector
) -> None:
    provider.behave = says("Words.")
    answers = iter([(503, {"Retry-After": "0"}, b""), (429, {}, b"")])
    partial = ExportTraceServiceResponse()
    partial.partial_success.rejected_spans = 1
    partial.partial_success.error_message = "too much of it"
    collector.behave = lambda: next(answers, (200, {}, partial.SerializeToString()))
    with running(binary, tmp_path, config=provider.config(telemetry(collector))) as server:
        ada = server.sign_up("ada")
        ask(ada)
        # What it could not take it is sent again, and then it is taken.
        until(lambda: len(collector.named("handle_chat_request")) == 1)
        assert collector.bodies[0] == collector.bodies[1]
        until(lambda: "telemetry_spans_lost_total" in metrics(ada))
        until(lambda: "too much of it" in server.log())
        collector.close()
        started_at = time.monotonic()
        for _ in range(20):
            ask(ada)
        assert time.monotonic() - started_at < 20
        # It ends in time although nobody takes what is left.
        started_at = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - started_at < 10


def test_what_is_left_is_sent_when_the_server_stops(
    binary: Path, tmp_path: Path, provider: Provider, collector: Collector
) -> None:
    provider.behave = says("Words.")
    config = provider.config(telemetry(collector).replace("interval: 100ms", "interval: 300s"))
    with running(binary, tmp_path, config=config) as server:
        ask(server.sign_up("ada"))
        assert not collector.named("handle_chat_request")
    assert len(collector.named("handle_chat_request")) == 1


@pytest.mark.parametrize("flags, sampling, expected", [("01", 0, 1), ("00", 100, 0), (None, 0, 0), (None, 100, 1)])
def test_the_caller_decides_whether_a_trace_is_recorded_and_else_the_ratio(
    binary: Path, tmp_path: Path, provider: Provider, collector: Collector, flags: str | None, sampling: int,
    expected: int,
) -> None:
    provider.behave = says("Words.")
    config = provider.config(telemetry(collector, f"  sampling: {sampling}\n  serviceName: knowledge\n"))
    with running(binary, tmp_path, config=config) as server:
        ada = server.sign_up("ada")
        headers = {"Authorization": f"Bearer {ada.token}"}
        if flags:
            headers["traceparent"] = f"00-{TRACE}-{CALLER}-{flags}"
        for _ in range(2):
            httpx.get(f"{server.url}/healthz", timeout=10)
        assert httpx.get(f"{server.url}/api/v1/auth/me", headers=headers, timeout=10).status_code == 200
        until(lambda: "/api/v1/auth/me" in server.log())
        lines = [line for line in server.log_lines() if line.get("route") == "/api/v1/auth/me"]
        assert len(lines) == 1 and len(lines[0]["trace_id"]) == 32 and len(lines[0]["span_id"]) == 16
    found = collector.named("GET /api/v1/auth/me")
    assert len(found) == expected
    assert not any("healthz" in one.span.name for one in collector.received)
    for one in found:
        assert one.resource["service.name"] == "knowledge"
        assert one.span.span_id.hex() == lines[0]["span_id"] and one.span.trace_id.hex() == lines[0]["trace_id"]


def test_headers_for_the_collector_are_sent_and_shown_to_nobody(
    binary: Path, tmp_path: Path, provider: Provider, collector: Collector
) -> None:
    secret = "Bearer collectors-own-secret"
    with running(
        binary, tmp_path, config=provider.config(telemetry(collector)),
        environment={"OPENTIER_TELEMETRY_OTLP_HEADERS": f"authorization={secret},x-team=wings"}) as server:
        server.sign_up("ada")
        until(lambda: bool(collector.headers))
        assert "collectors-own-secret" not in server.log()
    assert collector.headers[0]["authorization"] == secret and collector.headers[0]["x-team"] == "wings"


def test_without_a_collector_nothing_is_recorded_and_traces_are_passed_on(
    binary: Path, tmp_path: Path, provider: Provider, collector: Collector
) -> None:
    provider.behave = says("Words.")
    with running(binary, tmp_path, config=provider.config()) as server:
        ask(server.sign_up("ada"))
        assert provider.calls[-1].headers["traceparent"].startswith(f"00-{TRACE}-")
    assert not collector.bodies
