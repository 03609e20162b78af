"""The Model Context Protocol with its own SDKs, of 2026-07-28 and of 2025-11-25, and what no client sends."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from support import QUICK, Account, Server, check_quotations, running

ROOT = Path(__file__).resolve().parents[2]
STATELESS = "2026-07-28"
HANDSHAKE = "2025-11-25"
# Each client: the SDK's version, how it connects, and what it negotiates.
CLIENTS = [("2.3.0", "auto", STATELESS), ("2.3.0", "legacy", HANDSHAKE), ("1.30.0", "v1", HANDSHAKE)]
TEXT = "Zeppelins are filled with helium. Größe zählt: 245 m – the Hindenburg's length. " * 40
OTHER = "00000000-0000-7000-8000-0000000000aa"


@pytest.fixture(scope="module")
def server(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    config = QUICK + "mcp: { textBytes: 2048, hosts: [knowledge.example.org] }\nlimits: { mcpBody: 65536 }\n"
    with running(binary, tmp_path_factory.mktemp("mcp"), config=config) as server:
        yield server


@pytest.fixture(scope="module")
def ada(server: Server) -> Account:
    return server.sign_up("ada")


@pytest.fixture(scope="module")
def document(ada: Account) -> str:
    ada.publish("Zeppelin", TEXT, metadata={"tags": ["air"]})
    ada.publish("Submarines", "Submarines dive below the waves.", metadata={"tags": ["water"]})
    return next(item["id"] for item in ada.call("GET", "/documents")["documents"] if item["title"] == "Zeppelin")


@pytest.fixture(scope="module")
def stranger(server: Server, ada: Account) -> Account:
    """An admin of another organisation."""
    account = server.sign_up("mallory")
    other, user = uuid.UUID(OTHER).bytes, uuid.UUID(account.user["id"]).bytes
    server.write("INSERT INTO organizations (id, name) VALUES (?, 'Other')", other)
    server.write("UPDATE users SET organization_id = ?, role = 'admin' WHERE id = ?", other, user)
    again = server.sign_in("mallory@example.org")
    assert again.user["organizationId"] == OTHER != ada.user["organizationId"]
    return again


def sdk(version: str, unavailable: Callable[[str], NoReturn]) -> Path:
    """The folder of an SDK and all that it needs."""
    folder = ROOT / ".build" / f"mcp-{version}"
    if not (folder / "complete").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", folder, f"mcp=={version}"]
        installed = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if installed.returncode:
            unavailable(f"mcp {version} cannot be installed: {installed.stderr[-500:]}")
        (folder / "complete").touch()
    return folder


Connect = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda client: f"{client[0]}-{client[1]}")
def client(request: pytest.FixtureRequest, server: Server, unavailable: Callable[[str], NoReturn]) -> Connect:
    """Runs an SDK: `client(token, ["call_tool", name, arguments], …)`."""
    return connecting(request.param, server, unavailable)


@pytest.fixture(scope="module")
def newest(server: Server, unavailable: Callable[[str], NoReturn]) -> Connect:
    """The same, of the newest revision alone."""
    return connecting(CLIENTS[0], server, unavailable)


def connecting(
    kind: tuple[str, str, str], server: Server, unavailable: Callable[[str], NoReturn]
) -> Connect:
    version, mode, revision = kind
    folder = sdk(version, unavailable)

    def connect(token: str, *calls: list[Any]) -> dict[str, Any]:
        order = {"url": f"{server.url}/mcp", "token": token, "mode": mode, "calls": calls}
        ran = subprocess.run(
            [sys.executable, Path(__file__).with_name("mcp_client.py")], input=json.dumps(order), text=True,
            capture_output=True, timeout=120, env=os.environ | {"PYTHONPATH": str(folder)})
        assert ran.returncode == 0, ran.stderr[-3000:]
        answer = json.loads(ran.stdout)
        assert answer["version"] == revision
        return answer

    return connect


def results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [outcome["result"] for outcome in answer["results"]]


def test_a_client_negotiates_its_revision(client: Connect, ada: Account) -> None:
    answer = client(ada.token)
    assert answer["server"]["name"] == "opentier" and answer["server"]["version"]
    assert set(answer["capabilities"]) == {"tools", "resources"}
    assert "search_knowledge" in answer["instructions"]


def test_search_is_that_of_rest_and_can_be_cited(client: Connect, ada: Account, document: str) -> None:
    # An SDK holds results against the tools' output schemas only once it knows them.
    found = results(client(
        ada.token, ["list_tools"],
        ["call_tool", "search_knowledge", {"query": "helium", "limit": 5}],
        ["call_tool", "search_knowledge", {"query": "helium", "mode": "lexical", "tags": ["air"]}],
        ["call_tool", "search_knowledge", {"query": "helium", "documentIds": [document]}],
        ["call_tool", "search_knowledge", {"query": "helium", "mode": "lexical", "tags": ["water"]}]))[1:]
    rest = [
        ada.call("POST", "/search", json=body) for body in (
            {"query": "helium", "limit": 5},
            {"query": "helium", "mode": "SEARCH_MODE_LEXICAL", "filters": {"tags": ["air"]}},
            {"query": "helium", "filters": {"documentIds": [document]}},
            {"query": "helium", "mode": "SEARCH_MODE_LEXICAL", "filters": {"tags": ["water"]}},
        )
    ]
    assert [result["structuredContent"] for result in found] == rest
    assert rest[0]["hits"] and rest[1]["hits"] and rest[2]["hits"] and not rest[3]["hits"]
    for result in found:
        assert result["isError"] is False
        assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    check_quotations(ada, rest[0]["hits"])


def test_a_document_is_read_piece_by_piece(client: Connect, ada: Account, document: str) -> None:
    whole = ada.text(document)
    parts: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while not parts or "nextOffset" in parts[-1]:
        arguments = {"documentId": document, "maximumBytes": 1001} | more
        part = results(client(ada.token, ["list_tools"], ["call_tool", "read_document", arguments]))[1]
        assert part["isError"] is False, part
        parts.append(part["structuredContent"])
        more = {"startOffset": parts[-1].get("nextOffset"), "revisionId": parts[-1]["revisionId"]}
    assert "".join(part["text"] for part in parts).encode() == whole
    assert len(parts) > 3
    for part in parts:
        assert part["title"] == "Zeppelin" and part["byteCount"] == len(whole)
        assert 0 < len(part["text"].encode()) <= 1001
    check_quotations(ada, parts)


def test_documents_are_resources(client: Connect, ada: Account, document: str) -> None:
    uri: str | None = f"opentier://documents/{document}"
    listed, templates = results(client(ada.token, ["list_resources"], ["list_resource_templates"]))
    found = {item["uri"]: item["title"] for item in listed["resources"]}
    assert found[uri] == "Zeppelin" and len(found) == 2
    assert [item["uriTemplate"] for item in templates["resourceTemplates"]] == [
        "opentier://documents/{documentId}{?startOffset}",
        "opentier://documents/{documentId}/revisions/{revisionId}{?startOffset}",
    ]
    texts = []
    while uri:
        (contents,) = results(client(ada.token, ["read_resource", uri]))[0]["contents"]
        assert contents["mimeType"] == "text/plain"
        texts.append(contents["text"])
        uri = contents["_meta"].get("nextUri")
    assert "".join(texts).encode() == ada.text(document) and len(texts) == 2


def test_knowledge_is_submitted_for_review(client: Connect, ada: Account) -> None:
    arguments = {"title": "Airships", "text": "Airships float.", "tags": ["air", "new"]}
    result = results(client(ada.token, ["list_tools"], ["call_tool", "submit_knowledge", arguments]))[1]
    assert result["isError"] is False
    given = result["structuredContent"]["submission"]
    assert given["status"] == "SUBMISSION_STATUS_PENDING"
    stored = ada.call("GET", f"/submissions/{given['id']}")
    assert stored["text"] == "Airships float." and stored["submission"]["metadata"] == {"tags": ["air", "new"]}


def test_what_a_model_did_wrong_is_told_to_it(newest: Connect, ada: Account, document: str) -> None:
    nobody = "00000000-0000-7000-8000-000000000000"
    calls = [
        ("search_knowledge", {}, "query is missing"),
        ("search_knowledge", {"query": 7}, "query must be a string"),
        ("search_knowledge", {"query": "  "}, "query must not be empty"),
        ("search_knowledge", {"query": "x", "limit": 101}, "limit must be 1 to 100"),
        ("search_knowledge", {"query": "x", "limit": 1.5}, "limit must be a whole number"),
        ("search_knowledge", {"query": "x", "mode": "magic"}, "mode must be"),
        ("search_knowledge", {"query": "x", "tags": "air"}, "tags must be a list"),
        ("search_knowledge", {"query": "x", "asOf": "yesterday"}, "RFC 3339"),
        ("search_knowledge", {"query": "x", "documentIds": ["y"]}, "filters.documentIds"),
        ("search_knowledge", {"query": "x", "sql": "drop"}, "there is no argument sql"),
        ("read_document", {"documentId": nobody}, "there is no such document"),
        ("read_document", {"documentId": "../../etc/passwd"}, "there is no such document"),
        ("read_document", {"documentId": document, "revisionId": nobody}, "there is no such revision"),
        ("read_document", {"documentId": document, "maximumBytes": 2049}, "maximumBytes must be"),
        ("read_document", {"documentId": document, "startOffset": -1}, "startOffset must be"),
        ("submit_knowledge", {"title": "t"}, "either text or url"),
        ("submit_knowledge", {"title": "t", "text": "x", "url": "http://127.0.0.1"}, "either text or url"),
        ("submit_knowledge", {"title": "t", "url": "http://169.254.169.254/"}, "allow"),
    ]

    found = results(newest(ada.token, *(["call_tool", name, arguments] for name, arguments, _ in calls)))
    for (name, arguments, words), result in zip(calls, found, strict=True):
        assert result["isError"] is True, (name, arguments)
        assert words in result["content"][0]["text"], (name, arguments, result)


def test_an_offset_behind_the_end_reads_nothing(newest: Connect, ada: Account, document: str) -> None:
    arguments = {"documentId": document, "startOffset": 4_000_000_000}
    part = results(newest(ada.token, ["call_tool", "read_document", arguments]))[0]["structuredContent"]
    assert part["text"] == "" and part["startOffset"] == len(ada.text(document)) and "nextOffset" not in part


def test_another_organisation_sees_nothing(
    newest: Connect, ada: Account, stranger: Account, document: str
) -> None:
    revision = ada.call("GET", f"/documents/{document}")["document"]["currentRevisionId"]
    listed, searched, named, read, *failures = newest(
        stranger.token, ["list_resources"], ["call_tool", "search_knowledge", {"query": "helium zeppelins"}],
        ["call_tool", "search_knowledge", {"query": "helium", "documentIds": [document]}],
        ["call_tool", "read_document", {"documentId": document}],
        ["read_resource", f"opentier://documents/{document}"],
        ["read_resource", f"opentier://documents/{document}/revisions/{revision}"])["results"]
    assert listed["result"]["resources"] == []
    assert searched["result"]["structuredContent"] == {"hits": []}
    assert named["result"]["structuredContent"] == {"hits": []}
    assert read["result"]["isError"] and read["result"]["content"][0]["text"] == "there is no such document"
    assert [failure["error"]["code"] for failure in failures] == [-32602, -32602]


def test_a_key_sees_and_does_what_its_scopes_allow(
    newest: Connect, server: Server, ada: Account, document: str
) -> None:
    def tools(token: str) -> list[str]:
        return [tool["name"] for tool in results(newest(token, ["list_tools"]))[0]["tools"]]

    assert tools(ada.token) == ["search_knowledge", "read_document", "submit_knowledge"]
    assert tools(ada.key("search")) == ["search_knowledge"]
    assert tools(ada.key("read", "submit")) == ["read_document", "submit_knowledge"]
    assert tools(ada.key("chat")) == []
    reader = server.sign_up("rita")
    assert tools(reader.token) == ["search_knowledge", "read_document"]
    refused = results(newest(reader.token, ["call_tool", "submit_knowledge", {"title": "t", "text": "x"}]))[0]
    assert refused["isError"] and "contributor" in refused["content"][0]["text"]

    key = ada.key("search")
    for method, parameters, scope in (
        ("tools/call", {"name": "read_document", "arguments": {"documentId": document}}, "read"),
        ("tools/call", {"name": "submit_knowledge", "arguments": {}}, "submit"),
        ("resources/list", {}, "read"), ("resources/read", {"uri": f"opentier://documents/{document}"}, "read"),
    ):
        answer = post(server, key, method, parameters)
        assert answer.status_code == 403, answer.text
        assert answer.headers["www-authenticate"] == f'Bearer error="insufficient_scope", scope="{scope}"'
        assert scope in answer.json()["error"]["message"]


def test_whoever_is_nobody_is_told_to_sign_in(server: Server, ada: Account) -> None:
    for token in (None, "otk_" + "x" * 48, "nonsense"):
        answer = post(server, token, "tools/list", {})
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["code"] == -32000


# What no client sends


def message(method: str, parameters: dict[str, Any], version: str | None = STATELESS, id: Any = 1) -> dict[str, Any]:
    parameters = dict(parameters)
    if version is not None:
        parameters["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {}}
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": parameters}


def headers(method: str, parameters: dict[str, Any], version: str = STATELESS) -> dict[str, str]:
    found = {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": version, "Mcp-Method": method}
    if name := parameters.get("name") or parameters.get("uri"):
        found["Mcp-Name"] = name
    return found


def post(
    server: Server, token: str | None, method: str, parameters: dict[str, Any], *, body: bytes | None = None,
    without: str = "", **more: str
) -> httpx.Response:
    """A request of 2026-07-28, of which anything may be something else."""
    sent = headers(method, parameters) | {name.replace("_", "-"): value for name, value in more.items()}
    sent = {name: value for name, value in sent.items() if name != without}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    content = json.dumps(message(method, parameters)).encode() if body is None else body
    return httpx.post(f"{server.url}/mcp", content=content, headers=sent, timeout=30)


def error(answer: httpx.Response, status: int, code: int, id: Any = 1) -> dict[str, Any]:
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"jsonrpc", "id", "error"} and body["id"] == id and body["jsonrpc"] == "2.0", body
    assert body["error"]["code"] == code and body["error"]["message"], body
    return body["error"]


@pytest.mark.parametrize("body,code", [
    (b"", -32700), (b"{", -32700), (b"\xff\xfe", -32700), (b"[" * 60_000, -32700),
    (b'{"a":' * 10_000, -32700), (b"null", -32600), (b"7", -32600), (b'"ping"', -32600), (b"[]", -32600),
    (json.dumps([message("ping", {})]).encode(), -32600), (b"{}", -32600),
    (json.dumps(message("tools/list", {}) | {"jsonrpc": "1.0"}).encode(), -32600),
    (json.dumps(message("tools/list", {}) | {"method": 7}).encode(), -32600),
    (json.dumps(message("tools/list", {}) | {"params": []}).encode(), -32600),
    (json.dumps(message("tools/list", {}, id=None)).encode(), -32600),
    (json.dumps(message("tools/list", {}, id=1.5)).encode(), -32600),
    (json.dumps(message("tools/list", {}, id=[1])).encode(), -32600),
    (json.dumps(message("tools/list", {}, id=1 << 70)).encode(), -32600),
    (b'{"jsonrpc":"2.0","id":1,"result":{}}', -32600),
], ids=lambda value: str(value)[:40])
def test_what_is_no_message_is_refused(server: Server, ada: Account, body: bytes, code: int) -> None:
    error(post(server, ada.token, "tools/list", {}, body=body), 400, code, id=None)


def test_header_fields_must_say_what_the_body_says(server: Server, ada: Account) -> None:
    call = ("tools/call", {"name": "search_knowledge", "arguments": {"query": "x"}})
    assert post(server, ada.token, *call).status_code == 200
    for answer in (
        post(server, ada.token, *call, without="MCP-Protocol-Version"),
        post(server, ada.token, *call, MCP_Protocol_Version=HANDSHAKE),
        post(server, ada.token, *call, without="Mcp-Method"),
        post(server, ada.token, *call, Mcp_Method="tools/list"),
        post(server, ada.token, *call, without="Mcp-Name"),
        post(server, ada.token, *call, Mcp_Name="read_document"),
        post(server, ada.token, *call, Mcp_Name="=?base64?!!!?="),
    ):
        error(answer, 400, -32020)
    name = base64.b64encode(b"search_knowledge").decode()
    assert post(server, ada.token, *call, Mcp_Name=f"=?base64?{name}?=").status_code == 200
    twice = [*headers(*call).items(), ("Mcp-Method", "tools/call"), ("Authorization", f"Bearer {ada.token}")]
    error(httpx.post(f"{server.url}/mcp", content=json.dumps(message(*call)), headers=twice), 400, -32020)


def test_other_revisions_are_told_which_there_are(server: Server, ada: Account) -> None:
    served = [STATELESS, HANDSHAKE, "2025-06-18"]
    for version in ("1999-01-01", "2025-03-26", "x" * 5000):
        body = json.dumps(message("tools/list", {}, version)).encode()
        data = error(post(server, ada.token, "tools/list", {}, body=body, MCP_Protocol_Version=version), 400, -32022)
        assert data["data"] == {"supported": served, "requested": version}
        # The same of a client of the handshake, which has no `_meta`.
        body = json.dumps(message("tools/list", {}, None)).encode()
        error(post(server, ada.token, "tools/list", {}, body=body, MCP_Protocol_Version=version), 400, -32022)
    bare = json.dumps(message("tools/list", {}, None)).encode()
    error(post(server, ada.token, "tools/list", {}, body=bare), 400, -32602)
    without_capabilities = message("tools/list", {})
    del without_capabilities["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    error(post(server, ada.token, "tools/list", {}, body=json.dumps(without_capabilities).encode()), 400, -32602)
    asked = message("initialize", {"protocolVersion": "1999-01-01", "capabilities": {}}, None)
    answer = post(server, ada.token, "initialize", {}, body=json.dumps(asked).encode(), without="MCP-Protocol-Version")
    assert answer.json()["result"]["protocolVersion"] == HANDSHAKE
    # A name for the client's requests, which nobody remembers: any other does as well, and none.
    assert uuid.UUID(answer.headers["mcp-session-id"])
    again = post(server, ada.token, "initialize", {}, body=json.dumps(asked).encode(), without="MCP-Protocol-Version")
    assert again.headers["mcp-session-id"] != answer.headers["mcp-session-id"]


def test_methods_that_are_not_served(server: Server, ada: Account) -> None:
    for method in ("prompts/list", "ping", "initialize", "logging/setLevel", "", "tools/list\u0000", "x" * 3000):
        # A header field has no place for U+0000.
        answer = post(server, ada.token, method.replace("\u0000", ""), {}, body=json.dumps(message(method, {})).encode())
        assert answer.status_code in (400, 404), answer.text
        assert answer.json()["error"]["code"] == (-32020 if "\u0000" in method else -32601)
    for method in ("prompts/list", "server/discover"):
        body = json.dumps(message(method, {}, None)).encode()
        # To these clients 404 would say that a session has ended.
        error(post(server, ada.token, method, {}, body=body, MCP_Protocol_Version=HANDSHAKE), 200, -32601)
    for method in ("GET", "DELETE", "PUT"):
        answer = httpx.request(method, f"{server.url}/mcp", headers={"Authorization": f"Bearer {ada.token}"})
        assert answer.status_code == 405 and answer.headers["allow"] == "OPTIONS, POST"


def test_parameters_that_are_none(server: Server, ada: Account) -> None:
    for method, parameters in (
        ("tools/call", {}), ("tools/call", {"name": 7}), ("tools/call", {"name": "rm"}),
        ("tools/call", {"name": "search_knowledge", "arguments": [1]}), ("resources/read", {}),
        ("tools/list", {"cursor": "x"}), ("resources/list", {"cursor": "x"}), ("resources/list", {"cursor": 7}),
        ("resources/templates/list", {"cursor": ""}),
    ):
        named = {name: value for name, value in parameters.items() if isinstance(value, str)}
        body = json.dumps(message(method, parameters)).encode()
        error(post(server, ada.token, method, named, body=body), 400, -32602)


@pytest.mark.parametrize("uri", [
    "", "opentier://documents/", "opentier://documents/x", "file:///etc/passwd", "opentier://documents/../users",
    "opentier://documents/00000000-0000-7000-8000-000000000000",
    "opentier://documents/00000000-0000-7000-8000-000000000000?startOffset=-1",
    "opentier://documents/00000000-0000-7000-8000-000000000000?startOffset=1&x=2",
    "opentier://documents/00000000-0000-7000-8000-000000000000/revisions/x",
])
def test_resources_that_are_none(server: Server, ada: Account, uri: str) -> None:
    failure = error(post(server, ada.token, "resources/read", {"uri": uri}, Mcp_Name=uri), 400, -32602)
    assert failure["data"] == {"uri": uri}
    body = json.dumps(message("resources/read", {"uri": uri}, None)).encode()
    error(post(server, ada.token, "resources/read", {}, body=body, MCP_Protocol_Version=HANDSHAKE), 200, -32002)


def test_lists_have_pages(server: Server, stranger: Account) -> None:
    jobs = [stranger.approve(stranger.submit(f"Page {number}", f"The text of page {number}.")) for number in range(53)]
    assert all(stranger.finished(job)["state"] == "JOB_STATE_INDEXED" for job in jobs)
    seen: list[str] = []
    sizes = []
    cursor: dict[str, Any] = {}
    while True:
        page = post(server, stranger.token, "resources/list", cursor).json()["result"]
        sizes.append(len(page["resources"]))
        seen += [item["uri"] for item in page["resources"]]
        if "nextCursor" not in page:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert sizes == [50, 3] and len(set(seen)) == 53


def test_notifications_are_taken_without_an_answer(server: Server, ada: Account) -> None:
    for method in ("notifications/initialized", "notifications/cancelled", "notifications/x"):
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": {"requestId": 1}}).encode()
        answer = post(server, ada.token, method, {}, body=body)
        assert answer.status_code == 202 and answer.content == b""


def test_bodies_have_a_limit_and_a_type(server: Server, ada: Account) -> None:
    whole = json.dumps(message("tools/list", {})).encode()
    fits = whole + b" " * (65536 - len(whole))
    assert post(server, ada.token, "tools/list", {}, body=fits).status_code == 200
    error(post(server, ada.token, "tools/list", {}, body=fits + b" "), 413, -32600, id=None)
    error(post(server, ada.token, "tools/list", {}, Content_Type="text/plain"), 415, -32600, id=None)
    error(post(server, ada.token, "tools/list", {}, Accept="text/event-stream"), 406, -32600, id=None)


def test_pages_of_others_and_false_names_are_refused(server: Server, ada: Account) -> None:
    port = server.address[1]
    for sent in (
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": f"evil.example:{port}"},
        # What a page whose name was made to lead here sends: both are its own.
        {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"},
        {"Host": "knowledge.example.org", "Origin": "https://evil.example"},
        {"Origin": f"http://127.0.0.1:{port + 1}"},
    ):
        error(post(server, ada.token, "tools/list", {}, **sent), 403, -32000, id=None)
    for sent in (
        {"Host": f"localhost:{port}"}, {"Host": f"[::1]:{port}"}, {"Host": "knowledge.example.org"},
        {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"},
        {"Host": "knowledge.example.org", "Origin": "https://knowledge.example.org"},
    ):
        assert post(server, ada.token, "tools/list", {}, **sent).status_code == 200, sent


def test_results_of_the_newest_revision_are_marked(server: Server, ada: Account) -> None:
    for method, lasting in (
        ("server/discover", 60_000), ("tools/list", 60_000), ("resources/templates/list", 60_000), ("resources/list", 0)
    ):
        result = post(server, ada.token, method, {}).json()["result"]
        assert result["resultType"] == "complete" and result["cacheScope"] == "private"
        assert result["ttlMs"] == lasting
        assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "opentier"
    discovered = post(server, ada.token, "server/discover", {}).json()["result"]
    assert discovered["supportedVersions"] == [STATELESS, HANDSHAKE, "2025-06-18"]
