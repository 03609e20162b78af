"""Bad input gets its documented error, changes nothing, and leaves the server answering."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from support import (
    UNTIL_FORGOTTEN, Account, Call, Provider, Server, chunk, error_of, raw_answers, reads_html, running, says, send_raw,
)

NOBODY = "00000000-0000-7000-8000-000000000000"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(binary: Path, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Server]:
    config = provider.config("limits: { requestBody: 1MiB, uploadBody: 2MiB }\n")
    with running(binary, tmp_path_factory.mktemp("bad-input"), config=config) as server:
        yield server


@pytest.fixture(scope="module")
def ada(server: Server) -> Account:
    ada = server.sign_up("ada")
    ada.publish("Kept", "What is kept here is the kestrel, which hovers.")
    return ada


@pytest.fixture(scope="module")
def bob(server: Server, ada: Account) -> Account:
    return server.sign_up("bob")


@pytest.fixture(scope="module")
def html(binary: Path, unavailable: Callable[[str], NoReturn]) -> None:
    """Only where the build reads HTML."""
    if not reads_html(binary):
        unavailable("this build does not read HTML: install libgumbo-dev and build with make")


@pytest.fixture
def unchanged(server: Server, ada: Account, bob: Account) -> Iterator[None]:
    """The test changes no table, and the server still does its work afterwards."""
    before = server.counts()
    yield
    assert server.counts() == before
    assert ada.search("kestrel")[0]["title"] == "Kept"
    assert httpx.get(f"{server.url}/readyz").status_code == 200


pytestmark = pytest.mark.filterwarnings("error")


def nested(depth: int) -> bytes:
    return b'{"title":"Deep","text":"Deep.","metadata":{"a":' + b"[" * depth + b"]" * depth + b"}}"


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "text must be given"),
        (b"{}", "text must be given"),
        (b"{", "JSON"),
        (b"null", "JSON"),
        (b"[]", "JSON"),
        (b'"text"', "JSON"),
        (b"{}{}", "JSON"),
        (b'{"title":"T","text":"t"} tail', "JSON"),
        (b'{"title":"T","text":"t",}', "JSON"),
        (b"{'title':'T'}", "JSON"),
        (b'{"title":"T","text":"t","colour":"red"}', "colour"),
        (b'{"title":"T","text":"t","metadata":"none"}', "JSON"),
        (b'{"title":7,"text":"t"}', "a string is expected"),
        (b'{"title":"T","text":["t"]}', "a string is expected"),
        (b'{"title":"T","text":{"a":1}}', "a string is expected"),
        (b'{"title":"T","text":true}', "a string is expected"),
        (b'{"title":"T","text":"t","url":"http://x.example"}', "only one"),
        (b'{"title":"T"}', ""),
        (b'{"title":"","text":"t"}', "title"),
        (b'{"title":"  ","text":"t"}', "title"),
        (b'{"title":"T","text":""}', "text"),
        (b'{"title":"T","text":" \\n\\t "}', "text"),
        (b'{"title":"' + b"x" * 501 + b'","text":"t"}', "title"),
        (b'{"title":"T","text":"t","documentId":"nonsense"}', "documentId"),
        (b'{"title":"T","text":"t","sourceUri":""}', "sourceUri"),
        (b'{"title":"T","file":{"name":"a.txt","data":"***"}}', ""),
        (b'{"title":"T","text":"\xff\xfe"}', "string"),
        (b'{"title":"T","text":"\xc0\xaf"}', "string"),
        (b'{"title":"T","text":"\xed\xa0\x80"}', "string"),
        (b'{"title":"T","text":"cut \xe2\x82"}', "string"),
        (b'{"title":"T","text":"\\ud800"}', ""),
        (b'{"title":"T","text":"\\udc00\\ud800"}', ""),
        (b'{"title":"T","text":"\\ud83d alone"}', ""),
        (b'{"title":"T","text":"\\uZZZZ"}', ""),
        (b'{"title":"T","text":"line\nbreak"}', ""),
        (b'{"title":"T","text":"t","metadata":{"n":NaN}}', ""),
        (b'{"title":"T","text":"t","metadata":{"n":1e999}}', ""),
        (nested(17), ""),
        (nested(10_000), ""),
        (nested(400_000), ""),
        (b'{"title":"T","text":"t","metadata":{"a":[' + b"1," * 1000 + b"1]}}", "metadata"),
        (b"\x00" * 100, ""),
        (b"\xef\xbb\xbf" + b'{"title":"T"}', ""),
    ],
)
def test_a_malformed_submission_is_refused(ada: Account, body: bytes, says: str) -> None:
    with ada.client() as client:
        message = error_of(client.post("/submissions", content=body, headers=JSON), 400, "invalid_argument")
    assert says.lower() in message.lower(), message


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/auth/signup", {"email": "nonsense", "password": "long enough", "displayName": "N"}, 400, "invalid_argument"),
        ("/auth/signup", {"email": "n@example.org", "password": "short", "displayName": "N"}, 400, "invalid_argument"),
        ("/auth/signup", {"email": "n@example.org", "password": "x" * 73, "displayName": "N"}, 400, "invalid_argument"),
        (
            "/auth/signup", {"email": "n@example.org", "password": "ö" * 37, "displayName": "N"}, 400,
            "invalid_argument"),
        (
            "/auth/signup", {"email": "n@example.org", "password": "0123456789\0", "displayName": "N"}, 400,
            "invalid_argument"),
        ("/auth/signup", {"email": "n@example.org", "password": "long enough", "displayName": " "}, 400,
         "invalid_argument"),
        (
            "/auth/signup", {"email": "ADA@example.org", "password": "long enough", "displayName": "A"}, 409,
            "already_exists"),
        ("/auth/signin", {"email": "ada@example.org", "password": "wrong password"}, 401, "unauthenticated"),
        ("/auth/signin", {"email": "ada@example.org"}, 400, "invalid_argument"),
        ("/chat", {"message": ""}, 400, "invalid_argument"),
        ("/chat", {"message": "  \n "}, 400, "invalid_argument"),
        ("/chat", {"message": "x" * 32_001}, 400, "invalid_argument"),
        ("/chat", {"message": "x", "model": "nobody's"}, 400, "invalid_argument"),
        ("/chat", {"message": "x", "conversationId": "nonsense"}, 404, "not_found"),
        ("/chat", {"message": "x", "conversationId": NOBODY}, 404, "not_found"),
        ("/chat", {"message": "x", "asOf": "yesterday"}, 400, "invalid_argument"),
        ("/search", {"query": ""}, 400, "invalid_argument"),
        ("/search", {"query": "x" * 8_001}, 400, "invalid_argument"),
        ("/search", {"query": "x", "limit": 0}, 400, "invalid_argument"),
        ("/search", {"query": "x", "limit": 101}, 400, "invalid_argument"),
        ("/search", {"query": "x", "limit": -1}, 400, "invalid_argument"),
        ("/search", {"query": "x", "limit": 1.5}, 400, "invalid_argument"),
        ("/search", {"query": "x", "mode": "SEARCH_MODE_MAGIC"}, 400, "invalid_argument"),
        ("/search", {"query": "x", "mode": 9}, 400, "invalid_argument"),
        ("/search", {"query": "x", "filters": {"documentIds": ["x"]}}, 400, "invalid_argument"),
        ("/search", {"query": "x", "filters": {"documentIds": [NOBODY] * 101}}, 400, "invalid_argument"),
        ("/conversations", {"title": "x" * 201}, 400, "invalid_argument"),
        ("/submissions", {"title": "T", "url": "http://127.0.0.1/secret"}, 400, "failed_precondition"),
        ("/submissions", {"title": "T", "url": "file:///etc/passwd"}, 400, None),
        ("/submissions", {"title": "T", "text": "t", "documentId": NOBODY}, 404, "not_found"),
        (f"/submissions/{NOBODY}/approve", {}, 404, "not_found"),
        ("/submissions/nonsense/approve", {}, 404, "not_found"),
        (f"/chat/{NOBODY}/cancel", {}, 404, "not_found"),
    ],
)
def test_a_request_that_breaks_a_rule_is_refused(
    ada: Account, path: str, body: dict[str, Any], status: int, code: str | None
) -> None:
    with ada.client() as client:
        answer = client.post(path, json=body)
    error_of(answer, status, code or answer.json()["code"])
    assert code or answer.json()["code"] in ("invalid_argument", "failed_precondition")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", ["/auth/signup", "/auth/signin", "/search", "/chat", "/conversations"])
@pytest.mark.parametrize("way", ["length", "chunked", "expect"])
def test_ten_megabytes_are_too_much_for_a_small_route(ada: Account, path: str, way: str) -> None:
    size = 10 << 20
    headers = JSON | ({"Expect": "100-continue"} if way == "expect" else {})
    whole = b'{"message":"' + b"x" * size + b'"}'
    content: Any = whole
    if way == "chunked":
        content = (whole[start:start + 65_536] for start in range(0, size, 65_536))
    with ada.client(timeout=10) as client:
        error_of(client.post(path, content=content, headers=headers), 413, "resource_exhausted")


@pytest.mark.usefixtures("unchanged")
def test_an_upload_beyond_its_limit_is_refused(ada: Account) -> None:
    with ada.client() as client:
        for size in ((2 << 20) + 1, 10 << 20):
            answer = client.post("/submissions", files={"file": ("big.txt", b"x" * size, "text/plain")})
            error_of(answer, 413, "resource_exhausted")


def test_an_upload_of_just_its_limit_is_taken(ada: Account) -> None:
    submission = ada.upload("big.txt", b"x" * (2 << 20), "text/plain")
    stored = ada.call("GET", f"/submissions/{submission}")
    assert stored["submission"]["byteCount"] == 2 << 20
    assert stored["textTruncated"] and len(stored["text"]) == 1 << 20


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (None, b'{"title":"T","text":"t"}'),
        ("text/plain", b'{"title":"T","text":"t"}'),
        ("application/xml", b"<title/>"),
        ("application/x-www-form-urlencoded", b"title=T&text=t"),
        ("application/json; charset=utf-16", '{"title":"T","text":"t"}'.encode("utf-16")),
        ("nonsense", b"{}"),
    ],
)
def test_a_body_of_another_type_is_refused(ada: Account, media_type: str | None, body: bytes) -> None:
    with ada.client() as client:
        answer = client.post("/submissions", content=body, headers={"Content-Type": media_type} if media_type else {})
    error_of(answer, 415, "invalid_argument")


@pytest.mark.usefixtures("unchanged")
def test_a_compressed_body_is_refused(ada: Account) -> None:
    with ada.client() as client:
        answer = client.post("/submissions", content=b"\x1f\x8b", headers=JSON | {"Content-Encoding": "gzip"})
    error_of(answer, 415, "invalid_argument")


FORM = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "multipart/form-data"}, b"--b--\r\n"),
        (FORM, b""),
        (FORM, b"nothing of a form"),
        (FORM, b"--b--\r\n"),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nT\r\n--b--\r\n'),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nnever ended'),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n\r\n--b--\r\n'),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n'),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="colour"\r\n\r\nred\r\n--b--\r\n'),
        (FORM, b"--b\r\n\r\nno disposition\r\n--b--\r\n"),
        (FORM, b"--b\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\nx\r\n--b--\r\n"),
        (
            FORM,
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nx\r\n'
            b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n[1]\r\n--b--\r\n',
        ),
        (
            FORM,
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nx\r\n'
            b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n\xff\r\n--b--\r\n',
        ),
    ],
)
def test_a_malformed_form_is_refused(ada: Account, headers: dict[str, str], body: bytes) -> None:
    with ada.client() as client:
        error_of(client.post("/submissions", content=body, headers=headers), 400, "invalid_argument")


# Who is calling


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "header",
    [
        None, "", "Bearer", "Basic YWRhOmFkYQ==", "Bearer " + "x" * 64, "Bearer " + "x" * 63,
        "Bearer ' OR 1=1 --", "Bearer " + "x" * 5_000, "Bearer {token}x", "Bearer {upper}", "{token}",
    ],
)
def test_a_forged_token_is_refused(server: Server, ada: Account, header: str | None) -> None:
    headers = {}
    if header is not None:
        headers["Authorization"] = header.replace("{token}", ada.token).replace("{upper}", ada.token.swapcase())
    for method, path in [("GET", "/auth/me"), ("POST", "/chat"), ("POST", "/submissions"), ("DELETE", "/auth/me")]:
        answer = httpx.request(method, f"{server.url}/api/v1{path}", headers=headers)
        error_of(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_expired_session_is_refused(server: Server, ada: Account) -> None:
    late = server.sign_up("late")
    late.call("GET", "/auth/me")
    digest = hashlib.sha256(late.token.encode()).digest()
    now = int(time.time() * 1_000_000)
    assert server.write("UPDATE sessions SET expires_at = ? WHERE token_hash = ?", now - 1, digest) == 1
    time.sleep(UNTIL_FORGOTTEN)
    before = server.counts()
    late.call("GET", "/auth/me", status=401)
    late.call("POST", "/conversations", status=401, json={})
    late.call("DELETE", "/auth/me", status=401)
    assert server.counts() == before
    ada.call("GET", "/auth/me")


@pytest.mark.usefixtures("unchanged")
def test_other_peoples_things_are_not_found_and_never_forbidden(
    server: Server, ada: Account, bob: Account, provider: Provider
) -> None:
    provider.behave = says("Mine.")
    reply = bob.ask("What is mine?")
    conversation, message = reply.started["conversationId"], reply.started["messageId"]
    before = server.counts()
    missing: dict[tuple[str, str], Any] = {}
    for target in (conversation, NOBODY):
        calls = [
            ("GET", f"/conversations/{target}", None),
            ("GET", f"/conversations/{target}/messages", None),
            ("PATCH", f"/conversations/{target}", {"title": "Taken"}),
            ("DELETE", f"/conversations/{target}", None),
            ("POST", f"/conversations/{target}/messages/{message}/regenerate", {}),
            ("POST", "/chat", {"message": "What did bob say?", "conversationId": target}),
        ]
        for method, path, body in calls:
            refused = ada.call(method, path, status=404, **({"json": body} if body is not None else {}))
            assert refused["code"] == "not_found"
            # A stranger's and a missing one get the same words.
            assert missing.setdefault((method, path.replace(target, "X")), refused) == refused
    # A parent from somebody else's conversation is not found either.
    own = ada.call("POST", "/conversations", json={})["conversation"]["id"]
    ada.call("POST", "/chat", status=404, json={"message": "x", "conversationId": own, "parentId": message})
    ada.call("DELETE", f"/conversations/{own}")
    ada.call("POST", f"/chat/{message}/cancel", status=404)
    assert server.counts() == before
    assert [item["content"] for item in bob.messages(conversation)] == ["What is mine?", "Mine."]
    bob.call("DELETE", f"/conversations/{conversation}")


def test_a_submission_is_decided_once(server: Server, ada: Account) -> None:
    approved, rejected = ada.submit("Once", "Approved once only."), ada.submit("Never", "Rejected once only.")
    ada.ingest(approved)
    ada.call("POST", f"/submissions/{rejected}/reject", json={"note": "no"})
    before = server.counts()
    stands = [ada.call("GET", f"/submissions/{item}") for item in (approved, rejected)]
    for submission in (approved, rejected):
        for verb, body in (("approve", {}), ("reject", {"note": "again"})):
            refused = ada.call("POST", f"/submissions/{submission}/{verb}", status=400, json=body)
            assert refused["code"] == "failed_precondition"
    ada.call("POST", f"/submissions/{rejected}/reject", status=400, json={})
    assert server.counts() == before
    assert [ada.call("GET", f"/submissions/{item}") for item in (approved, rejected)] == stands


# What cannot be ingested


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("deep.html", b"<div>" * 100_000 + b"text" + b"</div>" * 100_000, ""),
        ("deeper.html", b"<b><i>" * 200_000 + b"text", ""),
        ("lists.html", b"<ul><li>" * 100_000 + b"text", ""),
        ("blank.html", b"<html><head><title></title></head><body><script>only()</script></body></html>", "no text"),
        ("blank.txt", b" \n\t\r\n ", "no text"),
        ("controls.txt", b"\x01\x02\x03\x04", ""),
        ("noise.txt", bytes(range(256)) * 64, ""),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 64, ""),
        ("cut.txt", b"\xe2\x82", ""),
    ],
)
def test_a_file_that_cannot_be_ingested_fails_with_its_reason(
    server: Server, ada: Account, name: str, content: bytes, reason: str, request: pytest.FixtureRequest
) -> None:
    if name.endswith(".html"):
        request.getfixturevalue("html")
    before = server.counts()
    job = ada.finished(ada.approve(ada.upload(name, content, "application/octet-stream")), patience=120)
    assert job["state"] == "JOB_STATE_FAILED" and job["attempts"] == 1, job
    assert job["error"] and reason in job["error"]
    assert ada.stream("GET", f"/jobs/{job['id']}/events")[-1].name == "failed"
    after = server.counts()
    kept = {"knowledge_submissions": 1, "submission_payloads": 1, "ingestion_jobs": 1}
    assert after == {table: count + kept.get(table, 0) for table, count in before.items()}
    assert ada.search("kestrel")[0]["title"] == "Kept"
    assert httpx.get(f"{server.url}/readyz").status_code == 200


# Models that misbehave


def _status(status: int, body: bytes = b"{}") -> Callable[[Call], None]:
    def behave(call: Call) -> None:
        call.head(status, "application/json")
        call.send(body)

    return behave


def _stream(*parts: bytes) -> Callable[[Call], None]:
    def behave(call: Call) -> None:
        call.head()
        for part in parts:
            call.send(part)

    return behave


def _slowly(*parts: bytes) -> Callable[[Call], None]:
    """So that the parts arrive one by one."""

    def behave(call: Call) -> None:
        call.head()
        for part in parts:
            call.send(part)
            call.is_left(within=0.3)

    return behave


def _hangs(*parts: bytes) -> Callable[[Call], None]:
    def behave(call: Call) -> None:
        if parts:
            call.head()
        for part in parts:
            call.send(part)
        call.is_left(within=60)

    return behave


@pytest.mark.parametrize(
    ("behaviour", "kept"),
    [
        (_status(500, b'{"error":{"message":"sk-very-secret stack trace"}}'), ""),
        (_status(401), ""),
        (_status(404), ""),
        (_status(429), ""),
        (_status(302), ""),
        (_status(200, b'{"choices":[]}'), ""),
        (_stream(b"<html>sk-very-secret</html>"), ""),
        (_stream(b"data: {]\n\n"), ""),
        (_stream(b"data: \xff\xfe\n\n"), ""),
        (_stream(b"\x00\x01\x02" * 1000), ""),
        (_stream(b'data: {"choices":[{"delta":{"content":7}}]}\n\n'), ""),
        (_stream(b"data: " + b"x" * (1 << 20) + b"\n\n"), ""),
        (_stream(b'data: {"error":{"message":"overloaded, sk-very-secret"}}\n\n'), ""),
        (_stream(), ""),
        (_stream(chunk("Half "), chunk("an answer")), "Half an answer"),
        (_slowly(chunk("Half "), b"data: {]\n\n"), "Half "),
        (_stream(chunk("Half ") + b"data: {]\n\n"), "Half "),
        (_stream(chunk("Half "), b'data: {"choi'), "Half "),
        (_hangs(), ""),
        (_hangs(chunk("Half ")), "Half "),
    ],
    ids=[
        "500", "401", "404", "429", "302", "no stream", "html", "no json", "no utf-8", "noise", "wrong types",
        "huge event", "error event", "nothing", "stops half-way", "garbage half-way",
        "garbage together with text", "cut event", "hangs",
        "hangs half-way",
    ],
)
def test_a_model_that_fails_fails_the_answer_and_nothing_else(
    server: Server, bob: Account, provider: Provider, behaviour: Callable[[Call], None], kept: str
) -> None:
    provider.behave = behaviour
    before = server.counts()
    reply = bob.ask("Where does the kestrel hover?")
    assert reply.end.name == "failed", reply.end
    assert reply.end.data["code"] in ("unavailable", "invalid_argument") and "fake" in reply.end.data["message"]
    assert reply.text == kept
    assert "sk-very-secret" not in json.dumps([event.data for event in reply.events]) + server.log()
    # The question and what came of the answer are kept, so that it can be asked for again.
    stored = bob.messages(reply.started["conversationId"])
    assert [message["role"] for message in stored] == ["MESSAGE_ROLE_USER", "MESSAGE_ROLE_ASSISTANT"]
    assert stored[1]["finishReason"] == "failed" and stored[1].get("content", "") == kept
    assert server.counts() == before | {
        "conversations": before["conversations"] + 1, "chat_messages": before["chat_messages"] + 2}
    provider.behave = says("It hovers over the field [1].")
    again = bob.stream(
        "POST", f"/conversations/{reply.started['conversationId']}/messages/{stored[1]['id']}/regenerate", {})
    assert again[-1].name == "completed" and again[-1].data["citations"][0]["title"] == "Kept"


def test_a_marker_that_names_no_source_is_no_citation(bob: Account, provider: Provider) -> None:
    provider.behave = says("It hovers [7][0][-1][99999999999999999999] here [1", "].")
    reply = bob.ask("Where does the kestrel hover?")
    assert reply.end.data["finishReason"] == "stop"
    assert [citation["marker"] for citation in reply.citations] == [1]


# HTTP itself


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v1", 404, "not_found"),
        ("GET", "/api/v1/auth/me/", 404, "not_found"),
        ("GET", "/API/V1/auth/me", 404, "not_found"),
        ("GET", "/api/v2/auth/me", 404, "not_found"),
        ("GET", "/nothing.html", 404, "not_found"),
        ("GET", "/api/v1/conversations//messages", 404, "not_found"),
        ("GET", "/api/v1/documents/%zz", 404, "not_found"),
        ("GET", "/api/v1/documents/nonsense", 404, "not_found"),
        ("GET", f"/api/v1/documents/{NOBODY}", 404, "not_found"),
        ("GET", f"/api/v1/jobs/{NOBODY}/events", 404, "not_found"),
        ("GET", "/api/v1/conversations?pageSize=0", 400, "invalid_argument"),
        ("GET", "/api/v1/conversations?pageSize=201", 400, "invalid_argument"),
        ("GET", "/api/v1/conversations?pageSize=many", 400, "invalid_argument"),
        ("GET", "/api/v1/conversations?pageToken=nonsense", 400, "invalid_argument"),
        ("GET", "/api/v1/conversations?colour=red", 400, "invalid_argument"),
        ("GET", "/api/v1/submissions?status=GONE", 400, "invalid_argument"),
        ("POST", "/opentier.v1.NoService/NoMethod", 404, "unimplemented"),
        ("PUT", "/api/v1/auth/me", 405, "unimplemented"),
        ("GET", "/api/v1/chat", 405, "unimplemented"),
        ("POST", "/healthz", 405, "unimplemented"),
        ("DELETE", "/", 405, "unimplemented"),
        ("PROPFIND", "/api/v1/auth/me", 405, "unimplemented"),
        ("GET", "/opentier.v1.AuthService/SignOut", 405, "unimplemented"),
        ("GET", "/opentier.v1.AuthService/GetMe", 400, "invalid_argument"),
    ],
)
def test_an_unknown_path_method_or_parameter_is_refused(
    ada: Account, method: str, path: str, status: int, code: str
) -> None:
    answer = httpx.request(
        method, ada.server.url + path, headers={"Authorization": f"Bearer {ada.token}"}, follow_redirects=False)
    error_of(answer, status, code)
    if status == 405:
        assert answer.headers["allow"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "path",
    [
        b"/../../../../etc/passwd", b"/..%2f..%2f..%2fetc%2fpasswd", b"/%2e%2e/%2e%2e/etc/passwd", b"//etc/passwd",
        b"/./index.html/../../Package.swift", b"/..\\..\\etc\\passwd", b"/index.html%00.png", b"/js/../../README.md",
        b"http://127.0.0.1/../etc/passwd", b"/%c0%ae%c0%ae/etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_web_client(server: Server, path: bytes) -> None:
    received = send_raw(server, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    [answer] = raw_answers(received)
    assert answer.status in (400, 404), answer
    assert b"root:" not in answer.body and b"swift" not in answer.body


@pytest.mark.usefixtures("unchanged")
def test_every_answer_carries_a_request_id(server: Server, ada: Account) -> None:
    authorization = {"Authorization": f"Bearer {ada.token}"}
    paths = [
        "/", "/nothing", "/healthz", "/readyz", "/metrics", "/openapi.json", "/api/v1/auth/me", "/api/v1/nothing",
        "/api/v1/chat",
    ]
    with httpx.Client(base_url=server.url, headers=authorization) as client:
        ids = [client.get(path).headers["x-request-id"] for path in paths]
        assert len(set(ids)) == len(ids) and all(ids)
        assert client.get("/healthz", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
        for forged in ("a b", "x" * 129, "<script>", "a\tb"):
            given = client.get("/healthz", headers={"x-request-id": forged}).headers["x-request-id"]
            assert given != forged and given


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\n",
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/v1/auth/signin HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n{}",
        b"POST /api/v1/auth/signin HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}",
        b"POST /api/v1/auth/signin HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
        b"POST /api/v1/auth/signin HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
        b"POST /api/v1/auth/signin HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n"
        b"2\r\n{}\r\n0\r\n\r\n",
        b"POST /api/v1/auth/signin HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=[
        "nonsense", "method",
        "no target", "version", "header name", "long header", "many headers", "long path", "length",
        "negative length", "huge length", "chunk size", "two framings", "two lengths", "tls", "http2",
    ],
)
def test_what_is_no_http_request_is_refused_and_the_connection_closed(server: Server, request_bytes: bytes) -> None:
    received = send_raw(server, request_bytes)
    if received:
        [answer] = raw_answers(received)
        assert 400 <= answer.status < 600 and answer.status != 500, answer
        assert answer.status == 401 or answer.headers.get("connection") == "close", answer


@pytest.mark.usefixtures("unchanged")
def test_requests_that_never_end_do_not_keep_others_waiting(server: Server, ada: Account) -> None:
    starts = [
        b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nX-A: b",
        b"POST /api/v1/auth/signup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b'Content-Length: 80\r\n\r\n{"email":',
        b"POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + ada.token.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"tit",
        b"POST /api/v1/chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + ada.token.encode() + b'\r\nContent-Length: 900\r\n\r\n{"message":"half',
    ]
    open_connections = []
    try:
        for start in starts * 20:
            connection = socket.create_connection(server.address, timeout=10)
            open_connections.append(connection)
            connection.sendall(start)
        assert ada.search("kestrel")
        for connection in open_connections[::2]:
            connection.sendall(b" ")
        assert httpx.get(f"{server.url}/healthz", timeout=10).status_code == 200
    finally:
        for connection in open_connections:
            connection.close()


@pytest.mark.usefixtures("unchanged")
def test_http_1_0_is_answered(server: Server) -> None:
    received = send_raw(server, b"GET /healthz HTTP/1.0\r\n\r\n")
    [answer] = raw_answers(received)
    assert answer.status == 200 and json.loads(answer.body) == {"status": "ok"}
    assert "transfer-encoding" not in answer.headers and answer.headers["x-request-id"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", ["/", "/healthz", "/openapi.json", "/api/v1/auth/me", "/nothing"])
def test_head_answers_as_get_does_without_a_body(server: Server, ada: Account, path: str) -> None:
    request = f"{{}} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ada.token}\r\nConnection: close\r\n\r\n"
    [got] = raw_answers(send_raw(server, request.format("GET").encode()))
    [head] = raw_answers(send_raw(server, request.format("HEAD").encode()), ("HEAD",))
    assert head.status == got.status and head.body == b"" and got.body
    different = {"date", "x-request-id"}
    assert {n: v for n, v in head.headers.items() if n not in different} == {
        n: v for n, v in got.headers.items() if n not in different}


@pytest.mark.usefixtures("unchanged")
def test_pipelined_requests_are_answered_in_order(server: Server, ada: Account) -> None:
    token = f"Authorization: Bearer {ada.token}\r\n".encode()
    search = b'{"query":"kestrel"}'
    requests = [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/v1/auth/me HTTP/1.1\r\nHost: x\r\n" + token + b"\r\n",
        b"POST /api/v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + token
        + b"Content-Length: %d\r\n\r\n" % len(search) + search,
        b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ]
    answers = raw_answers(send_raw(server, b"".join(requests)), ("GET", "GET", "POST", "GET", "HEAD", "GET"))
    assert [answer.status for answer in answers] == [200, 200, 200, 404, 200, 200]
    assert json.loads(answers[1].body)["user"]["email"] == "ada@example.org"
    assert json.loads(answers[2].body)["hits"]


@pytest.mark.usefixtures("unchanged")
def test_a_chunked_body_is_read_however_it_is_cut(server: Server, ada: Account) -> None:
    body = '{"query":"kestrel hövers"}'.encode()
    head = (
        f"POST /api/v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Authorization: Bearer {ada.token}\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    [answer] = raw_answers(send_raw(server, head.encode(), chunks))
    assert answer.status == 200 and json.loads(answer.body)["hits"][0]["title"] == "Kept"


@pytest.mark.usefixtures("unchanged")
def test_an_answer_may_be_left_unread(server: Server, ada: Account) -> None:
    for _ in range(30):
        with socket.create_connection(server.address, timeout=10) as connection:
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 20)


@pytest.mark.usefixtures("unchanged")
def test_a_stream_wants_a_client_that_takes_events(ada: Account) -> None:
    with ada.client() as client:
        answer = client.post("/chat", json={"message": "x"}, headers={"Accept": "application/json"})
    error_of(answer, 406, "invalid_argument")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n",
    ],
    ids=["method", "long header", "length"],
)
def test_what_the_parser_refuses_gets_the_documented_error(server: Server, request_bytes: bytes) -> None:
    [answer] = raw_answers(send_raw(server, request_bytes))
    assert answer.headers["x-request-id"] and set(json.loads(answer.body)) == {"code", "message", "details"}


def test_a_refused_question_does_not_leave_its_connection_open(server: Server) -> None:
    size = 10 << 20
    head = f"POST /api/v1/chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    with socket.create_connection(server.address, timeout=20) as connection:
        # A client that writes all before it reads anything.
        connection.sendall(head.encode() + b"x" * size)
        received = b""
        while data := connection.recv(1 << 16):
            received += data
    [answer] = raw_answers(received, ("POST",))
    assert answer.status == 401 and json.loads(answer.body)["code"] == "unauthenticated"
