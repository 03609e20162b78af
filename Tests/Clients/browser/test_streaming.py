"""Answers while they are being written, by a model whose every word the test lets go."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from conftest import Server

EMAIL, PASSWORD = "katherine@example.com", "a long enough password"
TEXT = "The trajectory of the capsule was checked by hand before the launch. The launch was in February."
QUESTION = "Who checked the trajectory of the capsule?"
SECONDS = 20.0


class HeldModel:
    """An OpenAI-compatible provider on a loopback port that writes a first piece and then waits."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.left = threading.Event()
        self.broken = threading.Event()
        model = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.piece("It was checked **by hand** [1]")
                while not model.release.wait(0.02):
                    if model.broken.is_set():
                        return  # without an end: the connection closes in the middle of the answer
                    if client_is_gone(self.connection):
                        model.left.set()
                        return
                self.piece(", and then launched.", finish="stop")
                self.wfile.write(b"data: [DONE]\n\n")

            def piece(self, text: str, finish: str | None = None) -> None:
                choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}
                chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "held"}
                self.wfile.write(f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n".encode())
                self.wfile.flush()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"


def client_is_gone(connection: socket.socket) -> bool:
    """Whether the peer has closed: readable with nothing to read."""
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""


@pytest.fixture
def model() -> Iterator[HeldModel]:
    held = HeldModel()
    yield held
    held.release.set()
    held.server.shutdown()
    held.server.server_close()


class Relay:
    """Stands between the browser and the server, and cuts connections when it is told to."""

    def __init__(self, target: str) -> None:
        self.target = ("127.0.0.1", int(target.rsplit(":", 1)[1]))
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.is_down = False
        self.refused = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.is_down:
                    self.refused += 1
                    client.close()
                    continue
                server = socket.create_connection(self.target)
                self.pairs.append((client, server))
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        for pair in self.pairs:
            for connection in pair:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.pairs.clear()

    def close(self) -> None:
        self.listener.close()
        self.cut()


@pytest.fixture
def server(model: HeldModel, start_server: Callable[..., Server]) -> Server:
    """A server with one document, whose model waits."""
    server = start_server(config=f"""
models:
  default: held
  held:
    provider: openai
    baseURL: "http://{model.address}/v1"
    model: held
egress:
  allow: ["{model.address}"]
""")
    with server.client() as client:
        answer = client.post(
            "/auth/signup", json={"email": EMAIL, "password": PASSWORD, "displayName": "Katherine"}).raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['session']['token']}"
        submission = client.post("/submissions", json={"title": "Launch", "text": TEXT}).raise_for_status().json()
        job = client.post(f"/submissions/{submission['submission']['id']}/approve", json={}).raise_for_status().json()
        deadline = time.monotonic() + SECONDS
        state = ""
        while state != "JOB_STATE_INDEXED" and time.monotonic() < deadline:
            state = client.get(f"/jobs/{job['jobId']}").raise_for_status().json()["job"]["state"]
        assert state == "JOB_STATE_INDEXED"
    return server


@pytest.fixture
def chat(server: Server, page: Page) -> Page:
    """A page on which an answer has begun."""
    return asking(page, server.url)


def asking(page: Page, url: str) -> Page:
    """Signs in and asks."""
    page.goto(url)
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator(".message.streaming .message-body")).to_contain_text("It was checked by hand")
    return page


def test_what_has_been_written_is_shown_before_the_answer_is_complete(chat: Page, model: HeldModel) -> None:
    log = chat.get_by_role("log")
    expect(log).to_have_attribute("aria-busy", "true")
    expect(chat.get_by_role("button", name="Send")).to_be_hidden()
    # A citation works while the answer is still being written.
    chat.locator(".streaming .citation").click()
    expect(chat.get_by_role("dialog").locator("mark")).to_contain_text("checked by hand before the launch")
    chat.keyboard.press("Escape")
    model.release.set()
    expect(log).to_contain_text("and then launched.")
    expect(chat.get_by_role("region", name="Sources of this answer")).to_be_visible()
    expect(chat.get_by_role("button", name="Send")).to_be_visible()
    expect(log).not_to_have_attribute("aria-busy", "true")


def test_stopping_reaches_the_model_and_keeps_what_was_written(chat: Page, model: HeldModel) -> None:
    chat.get_by_role("button", name="Stop the answer").click()
    expect(chat.get_by_text("You stopped this answer.")).to_be_visible()
    assert model.left.wait(SECONDS), "the model was not told that the reader left"
    # The server finishes storing the part answer by itself: ask until it is there.
    for _ in range(50):
        chat.reload()
        expect(chat.get_by_role("log").locator(".message.assistant")).to_be_visible()
        if chat.get_by_text("You stopped this answer.").is_visible():
            break
    expect(chat.get_by_text("You stopped this answer.")).to_be_visible()
    expect(chat.get_by_role("log")).to_contain_text("It was checked by hand")


def test_a_model_that_breaks_off_is_shown_with_what_it_wrote_and_may_be_asked_again(
    chat: Page, model: HeldModel
) -> None:
    model.broken.set()
    answer = chat.get_by_role("log").locator(".message.assistant")
    expect(answer.get_by_role("alert")).to_be_visible()
    expect(answer).to_contain_text("It was checked by hand")
    model.broken.clear()
    model.release.set()
    chat.get_by_role("button", name="Answer again").click()
    expect(chat.get_by_text("2 / 2")).to_be_visible()
    expect(answer).to_contain_text("and then launched.")
    expect(answer.get_by_role("alert")).to_have_count(0)


def test_answering_again_keeps_the_earlier_answer(chat: Page, model: HeldModel) -> None:
    model.release.set()
    again = chat.get_by_role("button", name="Answer again")
    again.click()
    expect(chat.get_by_text("2 / 2")).to_be_visible()
    expect(chat.get_by_role("log")).to_contain_text("and then launched.")
    chat.get_by_role("button", name="Previous answer").click()
    expect(chat.get_by_text("1 / 2")).to_be_visible()
    expect(chat.get_by_role("log")).to_contain_text("and then launched.")
    expect(chat.get_by_role("log").locator(".question")).to_have_count(1)


def test_the_next_question_may_be_written_while_an_answer_streams(chat: Page, model: HeldModel) -> None:
    box = chat.get_by_label("Your question")
    expect(box).to_have_value("")
    box.fill("And when was the launch?")
    chat.keyboard.press("Enter")
    expect(box).to_have_value("And when was the launch?")
    model.release.set()
    expect(chat.get_by_role("button", name="Send")).to_be_visible()
    chat.get_by_role("button", name="Send").click()
    expect(chat.get_by_role("log").locator(".question")).to_have_text([QUESTION, "And when was the launch?"])


@pytest.fixture
def relay(server: Server) -> Iterator[Relay]:
    relay = Relay(server.url)
    yield relay
    relay.close()


def test_an_answer_goes_on_when_the_connection_was_lost(relay: Relay, page: Page, model: HeldModel) -> None:
    chat = asking(page, relay.url)
    relay.is_down = True
    relay.cut()
    expect(chat.get_by_role("status").first).to_contain_text("Trying again")
    deadline = time.monotonic() + SECONDS
    while not relay.refused and time.monotonic() < deadline:
        chat.wait_for_timeout(20)
    assert relay.refused, "the page did not try again"
    assert not model.left.is_set()
    model.release.set()
    relay.is_down = False
    answer = chat.get_by_role("log").locator(".message.assistant .message-body")
    expect(answer).to_contain_text("It was checked by hand")
    expect(answer).to_contain_text(", and then launched.")
    assert answer.inner_text().count("It was checked") == 1
    expect(chat.get_by_role("log").get_by_role("alert")).to_have_count(0)
    expect(chat.get_by_role("button", name="Send")).to_be_visible()


def test_a_server_that_does_not_come_back_is_given_up(relay: Relay, page: Page) -> None:
    chat = asking(page, relay.url)
    relay.is_down = True
    relay.cut()
    answer = chat.get_by_role("log").locator(".message.assistant")
    expect(answer.get_by_role("alert")).to_be_visible(timeout=30_000)
    expect(answer).to_contain_text("It was checked by hand")
    assert 5 <= relay.refused <= 20
