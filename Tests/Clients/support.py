"""What the tests of the wires share: servers that can be killed and started again, accounts, streams, raw requests,
and a model's provider that behaves as it is told."""

from __future__ import annotations

import contextlib
import http.client
import io
import itertools
import json
import os
import re
import select
import signal
import socket
import socketserver
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

LISTENING = re.compile(r"listening on (http://\S+?:\d+)")
GRPC_LISTENING = re.compile(r"gRPC on (\S+:\d+)\n")
PASSWORD = "correct horse battery"
# Bcrypt's cost is not what these tests are about.
QUICK = "passwords: { cost: 4 }\n"
FINISHED = ("JOB_STATE_INDEXED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED")


# What another process ends, a session or a key, is noticed when a caller's second of being remembered is over.
UNTIL_FORGOTTEN = 1.1


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without the caller's settings of OpenTier."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENTIER_")}
    return kept | more


def reads_html(binary: Path) -> bool:
    """Whether the build has HTML extraction, which is a trait of the package."""
    run = subprocess.run([binary, "doctor", "--json"], capture_output=True, env=clean_environment(), timeout=60)
    assert run.returncode == 0, run.stderr
    return next(item["ok"] for item in json.loads(run.stdout) if item["name"] == "HTML extraction")


@dataclass
class Server:
    """A server over a data folder, which may be stopped, killed and started again."""

    binary: Path
    folder: Path
    config: str = QUICK
    profile: str = "offline"
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    url: str = ""
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def database(self) -> Path:
        return self.data / "opentier.db"

    def start(self, patience: float = 60) -> Server:
        assert self.process is None
        self.starts += 1
        (self.folder / "opentier.yaml").write_text(self.config)
        command: list[str | Path] = [
            self.binary, "serve", "--profile", self.profile, "--port", "0", "--data", self.data, *self.arguments]
        output = self.folder / f"stdout-{self.starts}"
        with output.open("wb") as stdout, self.log_path.open("wb") as stderr:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=clean_environment(**self.environment), stdin=subprocess.DEVNULL,
                stdout=stdout, stderr=stderr)
        deadline = time.monotonic() + patience
        while not (match := LISTENING.search(output.read_text())):
            status = self.process.poll()
            assert status is None, f"the server ended with status {status}:\n{self.log()}"
            assert time.monotonic() < deadline, f"the server did not say where it listens:\n{self.log()}"
            time.sleep(0.01)
        self.url = match[1]
        return self

    @property
    def grpc(self) -> str:
        """Where gRPC listens: `HOST:PORT`."""
        match = GRPC_LISTENING.search((self.folder / f"stdout-{self.starts}").read_text())
        assert match
        return match[1]

    @property
    def log_path(self) -> Path:
        return self.folder / f"stderr-{self.starts}"

    def log(self) -> str:
        """Standard error since the last start."""
        return self.log_path.read_text()

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log().splitlines()]

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process
        self.process.kill()
        self.process.wait()
        self.process = None

    def terminate(self, patience: float = 60) -> int:
        """SIGTERM; the exit status."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not stop within {patience} s of SIGTERM:\n{self.log()}") from None
        self.process = None
        return status

    def close(self) -> None:
        if self.process is None:
            return
        status = self.process.poll()
        if status is None:
            status = self.terminate()
        self.process = None
        assert status == 0, f"the server ended with status {status}:\n{self.log()}"

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname and parts.port
        return parts.hostname, parts.port

    def sign_up(self, name: str = "ada", email: str | None = None) -> Account:
        answer = httpx.post(
            f"{self.url}/api/v1/auth/signup", timeout=30,
            json={"email": email or f"{name}@example.org", "password": PASSWORD, "displayName": name.title()})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return Account(self, body["session"]["token"], body["user"])

    def sign_in(self, email: str) -> Account:
        answer = httpx.post(
            f"{self.url}/api/v1/auth/signin", timeout=30, json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return Account(self, body["session"]["token"], body["user"])

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Reads the database beside the server."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=30)) as connection:
            return connection.execute(query, values).fetchall()

    def write(self, statement: str, *values: object) -> int:
        """Changes the database beside the server; the number of rows changed."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            return connection.execute(statement, values).rowcount

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        tables = [
            "users", "sessions", "conversations", "chat_messages", "knowledge_submissions", "submission_payloads",
            "documents", "document_revisions", "document_chunks", "chunk_vectors", "ingestion_jobs",
        ]
        query = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables)
        return dict(self.rows(query))


@contextlib.contextmanager
def running(binary: Path, folder: Path, **settings: Any) -> Iterator[Server]:
    """A server that runs until the block ends, and then ends well."""
    server = Server(binary, folder, **settings).start()
    try:
        yield server
    except BaseException:
        if server.process:
            server.kill()
        raise
    server.close()


@dataclass
class Event:
    """A server-sent event."""

    id: str
    name: str
    data: dict[str, Any]


def events(lines: Iterator[str]) -> Iterator[Event]:
    """Reads server-sent events, leaving out comments."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if fields:
                yield Event(fields.get("id", ""), fields["event"], json.loads(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            assert name not in fields, f"two lines {name} in one event"
            fields[name] = value
    assert not fields, "the stream ends within an event"


@dataclass
class Account:
    """Somebody who is signed in."""

    server: Server
    token: str
    user: dict[str, Any]

    def at(self, server: Server) -> Account:
        """The same session on another replica."""
        return Account(server, self.token, self.user)

    def client(self, timeout: float = 60) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.server.url}/api/v1", headers={"Authorization": f"Bearer {self.token}"}, timeout=timeout)

    def call(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        """The JSON that a path answers with."""
        with self.client() as client:
            answer = client.request(method, path, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def submit(self, title: str, text: str, **more: Any) -> str:
        return self.call("POST", "/submissions", json={"title": title, "text": text, **more})["submission"]["id"]

    def upload(self, name: str, content: bytes, media_type: str, **parts: str) -> str:
        files = {"file": (name, content, media_type)}
        return self.call("POST", "/submissions", files=files, data=parts)["submission"]["id"]

    def approve(self, submission: str) -> str:
        return self.call("POST", f"/submissions/{submission}/approve", json={})["jobId"]

    def finished(self, job: str, patience: float = 60) -> dict[str, Any]:
        """A job once it has ended, one way or the other."""
        deadline = time.monotonic() + patience
        while True:
            state = self.call("GET", f"/jobs/{job}")["job"]
            if state["state"] in FINISHED:
                return state
            assert time.monotonic() < deadline, f"the job has not ended within {patience} s: {state}"
            time.sleep(0.05)

    def ingest(self, submission: str) -> dict[str, Any]:
        """Approves a submission; its job once it is indexed."""
        job = self.finished(self.approve(submission))
        assert job["state"] == "JOB_STATE_INDEXED", job
        return job

    def publish(self, title: str, text: str, **more: Any) -> dict[str, Any]:
        return self.ingest(self.submit(title, text, **more))

    def text(self, document: str, revision: str | None = None) -> bytes:
        with self.client() as client:
            answer = client.get(f"/documents/{document}/text", params={"revision": revision} if revision else None)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        return answer.content

    def key(self, *scopes: str, name: str = "test") -> str:
        """Makes an API key; its secret."""
        names = [f"API_KEY_SCOPE_{scope.upper()}" for scope in scopes]
        return self.call("POST", "/api-keys", json={"name": name, "scopes": names})["secret"]

    def search(self, query: str, mode: str = "SEARCH_MODE_LEXICAL", **more: Any) -> list[dict[str, Any]]:
        return self.call("POST", "/search", json={"query": query, "mode": mode, **more}).get("hits", [])

    def stream(self, method: str, path: str, body: dict[str, Any] | None = None) -> list[Event]:
        """All events of a stream, whose ids count up from 1."""
        with self.client() as client, client.stream(method, path, json=body) as answer:
            if answer.status_code != 200:
                answer.read()
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "text/event-stream"
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.headers["x-accel-buffering"] == "no"
            found = list(events(answer.iter_lines()))
        assert [event.id for event in found] == [str(number) for number in range(1, len(found) + 1)]
        return found

    def ask(self, message: str, **more: Any) -> Reply:
        return Reply(self.stream("POST", "/chat", {"message": message, **more}))

    def messages(self, conversation: str) -> list[dict[str, Any]]:
        return self.call("GET", f"/conversations/{conversation}/messages").get("messages", [])

    @contextlib.contextmanager
    def open_stream(self, path: str, body: dict[str, Any] | None) -> Iterator[OpenStream]:
        """A stream that the test reads event by event, and may leave."""
        connection = http.client.HTTPConnection(*self.server.address, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body))
        connection.request(method, f"/api/v1{path}", content, headers)
        response = connection.getresponse()
        try:
            assert response.status == 200, response.read()
            yield OpenStream(response)
        finally:
            response.close()
            connection.close()


class OpenStream:
    """A stream that is read as it comes."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self._events = events(line.decode().rstrip("\n") for line in iter(response.readline, b""))

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def until(self, name: str) -> Event:
        """Reads on to an event of that name."""
        for event in self._events:
            if event.name == name:
                return event
        raise AssertionError(f"the stream ended without an event {name}")

    def leave(self) -> float:
        """Closes the connection; the moment before it, of the monotonic clock."""
        moment = time.monotonic()
        self._response.close()
        return moment


@dataclass
class Reply:
    """The events of an answer, in their documented order."""

    events: list[Event]

    def __post_init__(self) -> None:
        names = [event.name for event in self.events]
        kinds = [name for name, _ in itertools.groupby(names)]
        assert kinds[:2] == ["started", "sources"] and kinds[-1] in ("completed", "failed"), names
        assert kinds[2:-1] in ([], ["delta"]) and names.count("sources") == 1, names

    @property
    def started(self) -> dict[str, Any]:
        return self.events[0].data

    @property
    def sources(self) -> list[dict[str, Any]]:
        return self.events[1].data.get("sources", [])

    @property
    def text(self) -> str:
        return "".join(event.data["text"] for event in self.events if event.name == "delta")

    @property
    def deltas(self) -> int:
        return sum(event.name == "delta" for event in self.events)

    @property
    def end(self) -> Event:
        return self.events[-1]

    @property
    def citations(self) -> list[dict[str, Any]]:
        return self.end.data.get("citations", [])


def check_quotations(account: Account, passages: list[dict[str, Any]]) -> None:
    """Each passage is exactly the bytes of the revision that it names."""
    for passage in passages:
        whole = account.text(passage["documentId"], passage["revisionId"])
        assert whole[passage["startOffset"]:passage["endOffset"]] == passage["text"].encode()


def error_of(answer: httpx.Response, status: int, code: str) -> str:
    """Checks that an answer is an error in its documented shape; its message."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert set(body) == {"code", "message", "details"} and body["code"] == code, body
    assert body["message"] and isinstance(body["details"], list)
    return body["message"]


@dataclass
class RawAnswer:
    """An HTTP/1 answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


def send_raw(server: Server, *parts: bytes, patience: float = 20) -> bytes:
    """Sends bytes on a connection of their own, and reads until the server closes it or says nothing for 1 s."""
    with socket.create_connection(server.address, timeout=patience) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                connection.sendall(part)
        received = b""
        while True:
            wait = patience if not received else 1
            if not select.select([connection], [], [], wait)[0]:
                return received
            try:
                data = connection.recv(1 << 16)
            except ConnectionResetError:
                return received
            if not data:
                return received
            received += data


def raw_answers(received: bytes, methods: tuple[str, ...] = ("GET",)) -> list[RawAnswer]:
    """Parses the answers to requests of these methods, one after the other on one connection."""
    answers = []
    source = _Received(received)
    for method in methods:
        if source.tell() == len(received):
            break
        response = http.client.HTTPResponse(source, method=method)  # type: ignore[arg-type]
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        answers.append(RawAnswer(response.status, headers, body))
    rest = received[source.tell():]
    assert not rest, f"more came than {len(methods)} answers: {rest[:200]!r}"
    return answers


class _Received(io.BytesIO):
    """Bytes as the socket that http.client reads; it stays open from answer to answer."""

    def makefile(self, mode: str) -> _Received:
        return self

    def close(self) -> None:
        pass


def chunk(text: str | None = None, finish: str | None = None) -> bytes:
    """An event of a streamed chat completion."""
    delta = {} if text is None else {"content": text}
    body = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


DONE = chunk(finish="stop") + b"data: [DONE]\n\n"


class Call:
    """A call that the provider got."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        self._handler = handler
        self.path = handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = body
        self.closed = threading.Event()
        self.closed_at = 0.0
        # What is streamed, where the call wants it whole.
        self._events: bytearray | None = None

    def head(self, status: int = 200, media_type: str = "text/event-stream", **headers: str) -> None:
        if media_type == "text/event-stream" and not self.body.get("stream"):
            self._events = bytearray()
            return
        self._handler.send_response(status)
        self._handler.send_header("Content-Type", media_type)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Connection", "close")
        self._handler.end_headers()

    def send(self, data: bytes) -> None:
        if self._events is not None:
            self._events += data
            return
        try:
            self._handler.wfile.write(data)
        except OSError:
            self._note_end()

    def end(self) -> None:
        """Answers a call that wants a whole reply with what would have been streamed; one without an end is no JSON."""
        events, self._events = self._events, None
        if events is None or self.closed.is_set():
            return
        text, reason, usage, tools = "", None, None, {}
        for line in events.decode().splitlines():
            try:
                event = json.loads(line.removeprefix("data: "))
            except ValueError:
                continue
            usage = event.get("usage") or usage
            for choice in event.get("choices", []):
                delta = choice.get("delta", choice)
                text += delta.get("content") or delta.get("text") or ""
                reason = choice.get("finish_reason") or reason
                for part in delta.get("tool_calls", []):
                    call = tools.setdefault(part["index"], {"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
                    call["id"] = part.get("id", call["id"])
                    for name, value in part["function"].items():
                        call["function"][name] += value
        self.head(media_type="application/json")
        if reason is None:
            self.send(b"{" + bytes(events))
            return
        message: dict[str, Any] = {"role": "assistant", "content": text if text or not tools else None}
        if tools:
            message["tool_calls"] = list(tools.values())
        said = {"message": message} if self.path.endswith("/chat/completions") else {"text": text}
        body: dict[str, Any] = {"object": "chat.completion", "choices": [{"index": 0, "finish_reason": reason} | said]}
        if usage:
            body["usage"] = usage
        self.send(json.dumps(body).encode())

    def is_left(self, within: float) -> bool:
        """Waits so long for the server to close the connection, and notes when it does."""
        if self.closed.is_set():
            return True
        connection = self._handler.connection
        if not select.select([connection], [], [], within)[0]:
            return False
        try:
            left = not connection.recv(1024)
        except OSError:
            left = True
        if left:
            self._note_end()
        return left

    def _note_end(self) -> None:
        if not self.closed.is_set():
            self.closed_at = time.monotonic()
            self.closed.set()


class Provider:
    """An OpenAI-compatible endpoint on a free port, which answers as `behave` says and remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.behave: Callable[[Call], None] = says("Nothing was asked of me.")
        self.stopping = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path in ("/v1/chat/completions", "/v1/completions"), self.path
                call = Call(self, body)
                provider.calls.append(call)
                self.close_connection = True
                provider.behave(call)
                call.end()

            def log_message(self, format: str, *values: object) -> None:
                pass

        class Threads(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

        self._server = Threads(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def config(self, more: str = "") -> str:
        return (
            f'{QUICK}models:\n  default: fake\n  fake: {{ provider: openai, baseURL: "{self.url}", '
            f'model: "fake-1", apiKey: "sk-very-secret", timeout: 2s }}\n{more}')

    def talks_until_left(self, call: Call) -> None:
        """Sends a word every 20 ms until the server goes away."""
        call.head()
        for number in itertools.count(1):
            call.send(chunk(f"word{number} "))
            if self.stopping.is_set() or call.is_left(within=0.02):
                return

    def close(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


def says(*texts: str) -> Callable[[Call], None]:
    """Answers with these pieces."""

    def behave(call: Call) -> None:
        call.head()
        for text in texts:
            call.send(chunk(text))
        call.send(DONE)

    return behave
