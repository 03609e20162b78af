"""Language models over the network: each provider's protocol, failing over between them, limits and keys."""

from __future__ import annotations

import json
import os
import ssl
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from pgbouncer import Authority
from support import QUICK, Account, Server, clean_environment, running

MARKER = "zanzibar-marker"
TEXT = ("Grüße ", "aus 😀 ", MARKER)


class Remote:
    """A provider on a free port: remembers its calls' paths and headers and answers as `behave` says.

    With a folder it speaks TLS, with a certificate for `localhost` of an authority of its own.
    """

    def __init__(self, behave: Callable[[Answer], None], tls: Path | None = None) -> None:
        self.behave = behave
        self.calls: list[Answer] = []
        self.connections = 0
        self.stopping = threading.Event()
        remote = self

        class Handler(BaseHTTPRequestHandler):
            # HTTP/1.0 as long as nobody says otherwise: each answer ends with its connection.
            protocol_version = "HTTP/1.1" if tls else "HTTP/1.0"

            def setup(self) -> None:
                remote.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = Answer(self, body, remote.stopping)
                remote.calls.append(answer)
                remote.behave(answer)

            def log_message(self, format: str, *values: object) -> None:
                pass

        class Threads(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Threads(("127.0.0.1", 0), Handler)
        port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        if tls:
            tls.mkdir()
            self.authority = Authority(tls)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls / "server.crt", tls / "server.key")
            # The handshake is the handler's: one that a client gives up must not hold up the others.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False)
            self.url = f"https://localhost:{port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


class Answer:
    """A call and the means to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: dict[str, object], stopping: threading.Event) -> None:
        self._handler = handler
        self.path = handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = body
        self.stopping = stopping

    def head(self, status: int = 200, **headers: str) -> None:
        self._handler.send_response(status)
        self._handler.send_header("Content-Type", "text/event-stream" if status == 200 else "application/json")
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()

    def send(self, data: bytes) -> None:
        try:
            self._handler.wfile.write(data)
        except OSError:
            pass  # The server under test has left, as some of these tests want.

    def event(self, data: object, kind: str = "") -> None:
        name = f"event: {kind}\r\n".encode() if kind else b""
        line = name + b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\r\n\r\n"
        # Cut within a character and within a line.
        for start in range(0, len(line), 37):
            self.send(line[start:start + 37])


def openai(answer: Answer) -> None:
    answer.head()
    answer.send(b": processing\n\n")
    for text in TEXT:
        answer.event({"choices": [{"index": 0, "delta": {"content": text}}]})
    answer.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    answer.event({"choices": [], "usage": {"prompt_tokens": 25, "completion_tokens": 15}})
    answer.send(b"data: [DONE]\n\n")


def anthropic(answer: Answer) -> None:
    answer.head()
    usage = {"input_tokens": 25, "output_tokens": 1}
    answer.event({"type": "message_start", "message": {"usage": usage}}, "message_start")
    answer.event({"type": "ping"}, "ping")
    for text in TEXT:
        delta = {"type": "text_delta", "text": text}
        answer.event({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}}
    answer.event(end, "message_delta")
    answer.event({"type": "message_stop"}, "message_stop")


def gemini(answer: Answer) -> None:
    answer.head()
    for text in TEXT:
        answer.event({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]})
    usage = {"promptTokenCount": 25, "candidatesTokenCount": 15}
    answer.event({"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage})


DIALECTS = {
    "openai": (openai, "/v1/chat/completions", "authorization", "Bearer "),
    "anthropic": (anthropic, "/v1/messages", "x-api-key", ""),
    "gemini": (gemini, "/v1/models/big-1:streamGenerateContent?alt=sse", "x-goog-api-key", ""),
}


def refuses(status: int, body: object = None, **headers: str) -> Callable[[Answer], None]:
    def behave(answer: Answer) -> None:
        answer.head(status, **headers)
        answer.send(json.dumps(body or {"error": {"message": MARKER}}).encode())

    return behave


def stalls(answer: Answer) -> None:
    answer.head()
    answer.send(b": hello\n\n")
    answer.stopping.wait(30)


def floods(answer: Answer) -> None:
    answer.head()
    for _ in range(300):
        answer.send(b"data: " + b"x" * 65_536)


def garbage(answer: Answer) -> None:
    answer.head()
    answer.send(b"data: \xff\xfe\x00\n\n")


def dies(answer: Answer) -> None:
    answer._handler.connection.close()


BAD: dict[str, Callable[[Answer], None]] = {
    "429": refuses(429, retry_after="60"),
    "529": refuses(529, {"type": "error", "error": {"type": "overloaded_error", "message": MARKER}}),
    "quota": refuses(429, {"error": {"code": 429, "message": MARKER, "status": "RESOURCE_EXHAUSTED"}}),
    "500": refuses(500), "401": refuses(401), "stalls": stalls, "floods": floods, "garbage": garbage, "dies": dies,
}


def model(name: str, remote: Remote, provider: str, more: str = 'apiKey: "sk-secret"') -> str:
    return f'  {name}: {{ provider: {provider}, baseURL: "{remote.url}", model: "big-1", {more} }}\n'


def ask(account: Account, name: str, question: str = f"Say {MARKER}") -> tuple[str, dict[str, object], str]:
    """The answer's text, its end's data, and the end's name."""
    reply = account.ask(question, model=name)
    return reply.text, reply.end.data, reply.end.name


def check_silence(server: Server, *secrets: str) -> None:
    """Nothing of a prompt, an answer or a key is in the log or the metrics."""
    metrics = httpx.get(f"{server.url}/metrics").text
    for secret in (MARKER, "sk-secret", *secrets):
        assert secret not in server.log() and secret not in metrics


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_chat_is_answered_by_each_provider(binary: Path, tmp_path: Path, dialect: str) -> None:
    behave, path, header, prefix = DIALECTS[dialect]
    with Remote(behave) as remote:
        config = QUICK + "models:\n  default: far\n" + model("far", remote, dialect)
        with running(binary, tmp_path, config=config) as server:
            text, end, name = ask(server.sign_up(), "far")
            assert (text, name) == ("".join(TEXT), "completed")
            assert end["finishReason"] == "stop" and end["usage"] == {"promptTokens": 25, "completionTokens": 15}
            call = remote.calls[0]
            assert (call.path, call.headers[header]) == (path, prefix + "sk-secret")
            check_silence(server)


def test_a_provider_that_fails_in_any_way_gives_way_to_the_next_and_hurts_nobody_else(
    binary: Path, tmp_path: Path
) -> None:
    with Remote(anthropic) as good, Remote(openai) as bad:
        config = (
            QUICK + "models:\n  default: chat\n  chat: { targets: [bad, good, extractive] }\n"
            + model("good", good, "anthropic") + model(
                "bad", bad, "openai", "apiKey: sk-secret, firstTokenTimeout: 1s, failureThreshold: 100"))
        with running(binary, tmp_path, config=config) as server:
            ada = server.sign_up()
            for kind in BAD:
                # Long rests come last; the breaker's own rules are tested beside it.
                if kind == "429":
                    continue
                bad.behave = BAD[kind]
                assert ask(ada, "chat")[0] == "".join(TEXT), kind
            bad.behave = BAD["429"]
            before = len(bad.calls)
            for _ in range(5):
                started = time.monotonic()
                assert ask(ada, "chat")[0] == "".join(TEXT)
                assert ask(ada, "good")[0] == "".join(TEXT)
                assert time.monotonic() - started < 5
            assert len(bad.calls) == before + 1, "a provider that asked for a rest was called"
            good.behave = refuses(500)
            text, _, name = ask(ada, "chat")
            assert name == "completed" and MARKER not in text, "the built-in model did not answer in the end"
            check_silence(server)


def test_a_reply_that_breaks_off_ends_in_failed_and_is_not_begun_again(binary: Path, tmp_path: Path) -> None:
    def breaks(answer: Answer) -> None:
        answer.head()
        answer.event({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Half "}})
        answer.event({"type": "error", "error": {"type": "overloaded_error", "message": MARKER}}, "error")

    with Remote(breaks) as bad, Remote(openai) as good:
        config = (
            QUICK + "models:\n  default: chat\n  chat: { targets: [bad, good] }\n"
            + model("bad", bad, "anthropic") + model("good", good, "openai"))
        with running(binary, tmp_path, config=config) as server:
            text, end, name = ask(server.sign_up(), "chat")
            assert (text, name, end["code"]) == ("Half ", "failed", "unavailable")
            assert not good.calls
            check_silence(server)


def test_the_queue_of_a_model_is_bounded(binary: Path, tmp_path: Path) -> None:
    with Remote(stalls) as remote:
        more = "apiKey: sk-secret, concurrency: 2, queue: 3, attempts: 1, timeout: 60s"
        config = QUICK + "models:\n  default: far\n" + model("far", remote, "openai", more)
        with running(binary, tmp_path, config=config) as server:
            ada = server.sign_up()
            ends: list[tuple[str, object]] = []

            def chat() -> None:
                _, end, name = ask(ada, "far")
                ends.append((name, end.get("code")))

            threads = [threading.Thread(target=chat, daemon=True) for _ in range(12)]
            for thread in threads:
                thread.start()
            deadline = time.monotonic() + 20
            while len(ends) < 7 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert ends == [("failed", "resource_exhausted")] * 7
            assert len(remote.calls) == 2
            remote.behave = openai
            assert ask(ada, "extractive")[2] == "completed", "another model's users were kept waiting"
            remote.stopping.set()
            for thread in threads:
                thread.join(30)
            assert len(ends) == 12 and sum(name == "completed" for name, _ in ends) == 3


@pytest.fixture(params=["file", "command"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A place that holds a key, and how the configuration names it."""
    place = tmp_path / "key"
    place.write_text("key-one\n")
    if request.param == "file":
        yield place, f'apiKeyFile: "{place}"'
        return
    program = tmp_path / "give-key"
    program.write_text(f'#!/bin/sh\ncat "{place}"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    yield place, f'apiKeyCommand: ["{program}"]'


def test_a_key_is_rotated_without_a_restart(binary: Path, tmp_path: Path, key: tuple[Path, str]) -> None:
    place, setting = key
    valid = ["key-one"]

    def checks(answer: Answer) -> None:
        (anthropic if answer.headers["x-api-key"] in valid else refuses(401))(answer)

    with Remote(checks) as remote:
        config = QUICK + "models:\n  default: far\n" + model("far", remote, "anthropic", setting)
        with running(binary, tmp_path, config=config) as server:
            ada = server.sign_up()
            assert ask(ada, "far")[2] == "completed"
            place.write_text("key-two\n")
            valid[:] = ["key-two"]
            assert ask(ada, "far")[2] == "completed"
            place.unlink()
            valid.clear()
            text, end, name = ask(ada, "far")
            assert name == "failed" and end["code"] == "unavailable" and "key" in str(end["message"])
            check_silence(server, "key-one", "key-two")


def test_a_key_file_is_read_again_within_a_second_of_its_change(binary: Path, tmp_path: Path) -> None:
    place = tmp_path / "key"
    place.write_text("key-one")
    seen: list[str] = []

    def notes(answer: Answer) -> None:
        seen.append(answer.headers["x-api-key"])
        anthropic(answer)

    with Remote(notes) as remote:
        setting = f'apiKeyFile: "{place}"'
        config = QUICK + "models:\n  default: far\n" + model("far", remote, "anthropic", setting)
        with running(binary, tmp_path, config=config) as server:
            ada = server.sign_up()
            assert ask(ada, "far")[2] == "completed"
            # The old key is as good as the new one: only the file tells.
            place.write_text("key-two")
            time.sleep(1.1)
            assert ask(ada, "far")[2] == "completed"
            assert seen == ["key-one", "key-two"]


def test_a_request_goes_to_a_model_that_is_known_to_take_it(binary: Path, tmp_path: Path) -> None:
    with Remote(openai) as small, Remote(openai) as large:
        known = "apiKey: sk-secret, contextWindow: {}, maximumOutput: {}, capabilities: [{}]"
        config = (
            QUICK + "models:\n  default: chat\n  chat: { targets: [small, large] }\n"
            + model("small", small, "openai", known.format(1_000, 50, ""))
            + model("large", large, "openai", known.format(4_000, 500, "tools, json")))
        with running(binary, tmp_path, config=config) as server:
            ada = server.sign_up()

            def complete(name: str, text: str = "Hello?", **more: object) -> httpx.Response:
                return httpx.post(
                    f"{server.url}/v1/chat/completions", headers={"Authorization": f"Bearer {ada.token}"}, timeout=30,
                    json={"model": name, "messages": [{"role": "user", "content": text}], **more})

            def refused(answer: httpx.Response, code: str | None, words: str) -> None:
                error = answer.json()["error"]
                assert (answer.status_code, error["code"]) == (400, code) and words in error["message"], answer.text

            tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
            takers: list[tuple[dict[str, object], Remote]] = [
                ({}, small), ({"text": "word " * 999}, small), ({"text": "word " * 1_000}, large),
                ({"max_tokens": 50}, small), ({"max_tokens": 51}, large), ({"tools": [tool]}, large),
                ({"response_format": {"type": "json_object"}}, large),
                # What is kept for the reply counts.
                ({"text": "word " * 960, "max_tokens": 40}, small), ({"text": "word " * 961, "max_tokens": 40}, large),
            ]
            for request, taker in takers:
                before = len(taker.calls)
                assert complete("chat", **request).status_code == 200, request  # type: ignore[arg-type]
                assert len(taker.calls) == before + 1, request
            calls = len(small.calls) + len(large.calls)
            for name, window in (("small", 1_000), ("large", 4_000), ("chat", 1_000)):
                refused(complete(name, "word " * 4_000), "context_length_exceeded", f"{window} tokens")
            refused(complete("small", max_tokens=51), None, "at most 50 tokens")
            refused(complete("small", tools=[tool]), None, "does not take tools")
            assert len(small.calls) + len(large.calls) == calls, "a provider was asked what it does not take"

            models = httpx.get(f"{server.url}/v1/models", headers={"Authorization": f"Bearer {ada.token}"}).json()
            listed = {entry["id"]: entry for entry in models["data"]}
            for name in ("chat", "large", "rag:large"):
                assert listed[name]["context_window"] == 4_000 and listed[name]["max_output_tokens"] == 500
                assert listed[name]["capabilities"] == ["json", "tools"]
            assert listed["small"]["capabilities"] == []

            # In the chat passages give way, and a question that no passage makes shorter is refused in its words.
            for title in ("Ulm", "Rome", "Oslo", "Cork", "Bonn", "Lyon"):
                ada.publish(title, f"The river at {title} bends. " + "A river bends on and on, and never ends. " * 15)
            assert len(ada.ask("Where does the river bend?", model="large").sources) > 4
            few = ada.ask("Where does the river bend?", model="small")
            assert few.end.name == "completed" and 0 < len(few.sources) < 4
            end = ada.ask("word " * 1_000, model="small").end
            assert (end.name, end.data["code"]) == ("failed", "invalid_argument")
            check_silence(server)


@pytest.mark.parametrize(("setting", "message"), [
    ("contextWindow: 0", "models.far.contextWindow cannot be"),
    ("contextWindow: 100, maximumOutput: 101", "models.far.maximumOutput cannot be 101"),
    ("capabilities: [tools, telepathy]", "models.far.capabilities cannot be"),
])
def test_what_no_model_can_be_stops_the_start(binary: Path, tmp_path: Path, setting: str, message: str) -> None:
    path = tmp_path / "opentier.yaml"
    path.write_text("models:\n  far: { provider: anthropic, model: m, " + setting + " }\n")
    shown = subprocess.run(
        [binary, "config", "show", "--config", path], capture_output=True, text=True, env=clean_environment())
    assert shown.returncode == 2 and message in shown.stderr, shown.stderr


def answers_whole(answer: Answer) -> None:
    """As `openai`, but with a length, so that the connection stays."""
    events = [
        *({"choices": [{"index": 0, "delta": {"content": text}}]} for text in TEXT),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    answer.head(content_length=str(len(body)))
    answer.send(body)


def test_a_provider_is_asked_over_tls_on_a_connection_that_is_kept(binary: Path, tmp_path: Path) -> None:
    with Remote(answers_whole, tls=tmp_path / "tls") as remote:
        config = (
            QUICK + f"egress: {{ ca: {remote.authority.certificate} }}\n"
            + "models:\n  default: far\n" + model("far", remote, "openai"))
        with running(binary, tmp_path, config=config) as server:
            ada = server.sign_up()
            for _ in range(3):
                assert ask(ada, "far")[::2] == ("".join(TEXT), "completed")
            assert [call.headers["authorization"] for call in remote.calls] == ["Bearer sk-secret"] * 3
            # A loop of the server's each.
            assert remote.connections < 3 or len(os.sched_getaffinity(0)) > 2
            check_silence(server)


@pytest.mark.parametrize("trusts", [True, False])
def test_a_provider_whose_certificate_is_not_to_be_trusted_is_told_nothing(
    binary: Path, tmp_path: Path, trusts: bool
) -> None:
    with Remote(answers_whole, tls=tmp_path / "tls") as remote:
        # Either nobody knows who has signed it, or it is for another name than the one that was asked for.
        authority = f"egress: {{ ca: {remote.authority.certificate} }}\n" if trusts else ""
        if trusts:
            remote.url = remote.url.replace("localhost", "127.0.0.1")
        config = (
            QUICK + authority + "models:\n  default: far\n"
            + model("far", remote, "openai").replace(" }", ", attempts: 1 }"))
        with running(binary, tmp_path, config=config) as server:
            text, end, name = ask(server.sign_up(), "far")
            assert (text, name) == ("", "failed")
            assert end["code"] == "unavailable" and "certificate" in str(end["message"]), end
            assert not remote.calls
            check_silence(server)
