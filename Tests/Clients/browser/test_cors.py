"""A page of another origin calls the contract in a real browser: let through when it is configured, refused when not."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page

if TYPE_CHECKING:
    from conftest import Server

SIGN_UP = '{"email":"%s@example.org","password":"correct horse battery","displayName":"Ada"}'
# What a page may see of a call: what came, or that the browser kept it from the page.
CALL = """
async ([url, options, names]) => {
  try {
    const answer = await fetch(url, options);
    const fields = Object.fromEntries(names.map((name) => [name, answer.headers.get(name)]));
    return {status: answer.status, fields, text: await answer.text()};
  } catch (error) {
    return {refused: String(error)};
  }
}
"""


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """The origin of an empty page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, format: str, *values: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def elsewhere(chromium: Browser, origin: str) -> Iterator[Page]:
    """The page of another origin; what the browser refuses it says in the console, which is no problem here."""
    context = chromium.new_context()
    with contextlib.closing(context):
        page = context.new_page()
        page.goto(origin)
        yield page


def call(page: Page, url: str, body: str | None, *names: str, **headers: str) -> dict[str, Any]:
    options = {"method": "POST" if body is not None else "GET", "headers": headers}
    if body is not None:
        options["body"] = body
    return page.evaluate(CALL, [url, options, list(names)])


def test_a_page_of_a_configured_origin_calls_every_wire(
    start_server: Callable[..., Server], origin: str, elsewhere: Page
) -> None:
    server = start_server(config=f'cors: {{ origins: ["https://other.example.org", "{origin}"] }}')
    connect = {"Content-Type": "application/json", "Connect-Protocol-Version": "1", "Connect-Timeout-Ms": "20000"}
    signed = call(
        elsewhere, f"{server.url}/opentier.v1.AuthService/SignUp", SIGN_UP % "ada", "x-request-id", **connect)
    assert signed["status"] == 200 and '"token"' in signed["text"] and signed["fields"]["x-request-id"]
    token = signed["text"].split('"token":"')[1][:64]
    authorized = {"Authorization": f"Bearer {token}", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    # An error may be read as well, and so may trailers in the header.
    nobody = call(elsewhere, f"{server.url}/opentier.v1.AuthService/GetMe", "{}", **connect)
    assert nobody["status"] == 401 and '"unauthenticated"' in nobody["text"]
    web = call(
        elsewhere, f"{server.url}/opentier.v1.ChatService/StreamChat", "\0\0\0\0\2{}", "grpc-status", "grpc-message",
        **{"Content-Type": "application/grpc-web+json", "X-Grpc-Web": "1", "X-User-Agent": "test", "grpc-timeout": "9S"})
    assert web["status"] == 200 and web["fields"]["grpc-status"] == "16" and web["fields"]["grpc-message"]
    get = call(
        elsewhere, f"{server.url}/opentier.v1.AuthService/GetMe?connect=v1&encoding=json&message=%7B%7D", None,
        **authorized)
    assert get["status"] == 200 and "ada@example.org" in get["text"]
    stream = call(
        elsewhere, f"{server.url}/api/v1/chat", '{"message":"Hello?"}',
        **authorized, **{"Content-Type": "application/json", "Last-Event-ID": "1"})
    assert stream["status"] == 200 and "event: completed" in stream["text"]
    rest = call(elsewhere, f"{server.url}/api/v1/auth/me", None, **authorized)
    assert rest["status"] == 200
    # What is not the contract's is nobody else's.
    assert "refused" in call(elsewhere, f"{server.url}/metrics", None)


def test_a_page_of_another_origin_is_kept_from_calling(
    start_server: Callable[..., Server], elsewhere: Page
) -> None:
    connect = {"Content-Type": "application/json", "Connect-Protocol-Version": "1"}
    for config in ("", 'cors: { origins: ["https://other.example.org", "http://127.0.0.1"] }'):
        server = start_server(config=config)
        refused = call(elsewhere, f"{server.url}/opentier.v1.AuthService/SignUp", SIGN_UP % "eve", **connect)
        assert "refused" in refused, refused
        # The browser asked first, and the call was never made: the account is not there.
        with server.client() as client:
            answer = client.post("/auth/signin", json={"email": "eve@example.org", "password": "correct horse battery"})
        assert answer.status_code == 401
        assert "refused" in call(elsewhere, f"{server.url}/api/v1/auth/me", None)


def test_every_origin_may_call_where_all_are_let_in_but_without_credentials(
    start_server: Callable[..., Server], elsewhere: Page
) -> None:
    server = start_server(config='cors: { origins: ["*"] }')
    url = f"{server.url}/opentier.v1.AuthService/GetMe"
    headers = {"Content-Type": "application/json"}
    assert call(elsewhere, url, "{}", **headers)["status"] == 401
    options = {"method": "POST", "headers": headers, "body": "{}", "credentials": "include"}
    assert "refused" in elsewhere.evaluate(CALL, [url, options, []])
