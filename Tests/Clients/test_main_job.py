"""The main job as a client does it: sign up, submit, approve, watch, ask, and check what is cited, byte by byte."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import httpx
import pytest
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families

from conftest import ROOT
from support import Account, Provider, Server, check_quotations, error_of, events, reads_html, running, says

# Every kind of UTF-8: two, three and four bytes, and a sentence of plain ASCII behind them.
GLACIERS = (
    "Gletscher fließen bergab — auch wenn es niemand sieht. Die Größe „Fließgeschwindigkeit“ misst man in m/a. 🏔️\n\n"
    "氷河はゆっくり流れる。The Perito Moreno glacier advances about 2 metres per day 🧊, while the Aletsch glacier "
    "moves roughly 200 metres per year.\n"
)
# `jq -r .a.b`, for machines that have no jq.
JQ = """#!{python}
import json, sys
value = json.load(sys.stdin)
for name in sys.argv[2].lstrip(".").split("."):
    value = value[name]
print(value)
"""


@pytest.fixture(scope="module", params=["offline", "memory"])
def fresh(binary: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of each profile that starts empty, with the configuration that it comes with."""
    with running(binary, tmp_path_factory.mktemp(request.param), profile=request.param, config="") as server:
        yield server


@pytest.fixture(scope="module")
def ada(fresh: Server) -> Account:
    """The account of the README, which is the first."""
    return readme(fresh)[0]


@pytest.fixture(scope="module")
def html(binary: Path, unavailable: Callable[[str], NoReturn]) -> None:
    """Only where the build reads HTML."""
    if not reads_html(binary):
        unavailable("this build does not read HTML: install libgumbo-dev and build with make")


README: dict[str, tuple[Account, str, str]] = {}


def readme(server: Server) -> tuple[Account, str, str]:
    """Runs the README's lines once for each server: the account, and what the last two lines print."""
    if server.url not in README:
        block = re.search(r"```sh\n(API=.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        assert block
        lines = block[1].replace("http://127.0.0.1:8080", server.url).strip().splitlines()
        assert len(lines) == 6
        tools = server.folder / "tools"
        tools.mkdir()
        (tools / "jq").write_text(JQ.format(python=sys.executable))
        (tools / "jq").chmod(0o755)
        lines[-1:-1] = ["printf '\\n%s\\n' ======"]
        ending = "printf '\\n======\\n%s' $TOKEN"
        script = "\n".join(["set -euo pipefail", f"export PATH={tools}:$PATH", *lines, ending])
        run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr
        job, chat, token = (part.strip("\n") + "\n\n" for part in run.stdout.split("======\n"))
        token = token.strip()
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
            user = client.get(f"{server.url}/api/v1/auth/me").json()["user"]
        README[server.url] = Account(server, token, user), job, chat
    return README[server.url]


def test_the_readme_leads_from_sign_up_to_a_cited_answer(fresh: Server) -> None:
    account, job, chat = readme(fresh)
    assert account.user["role"] == "USER_ROLE_ADMIN"
    followed = list(events(iter(job.splitlines())))
    assert followed[-1].name == "completed" and followed[-1].data["state"] == "JOB_STATE_INDEXED"
    assert all(event.name == "progress" for event in followed[:-1])
    reply = list(events(iter(chat.splitlines())))
    names = [event.name for event in reply]
    assert names[:2] == ["started", "sources"] and names[-1] == "completed" and names.count("delta") > 1
    text = "".join(event.data["text"] for event in reply if event.name == "delta")
    assert "500,000" in text and "[1]" in text
    citations = reply[-1].data["citations"]
    assert [citation["marker"] for citation in citations] == [1]
    assert citations[0]["submittedBy"] == citations[0]["approvedBy"] == "Ada"
    check_quotations(account, citations + reply[1].data["sources"])


def test_a_citation_quotes_the_bytes_of_a_text_in_many_scripts(ada: Account) -> None:
    submission = ada.submit("Gletscher 🏔️", GLACIERS, metadata={"tags": ["ice"]})
    job = ada.ingest(submission)
    reply = ada.ask("How fast does the Perito Moreno glacier advance?", filters={"tags": ["ice"]})
    assert reply.end.data["finishReason"] == "stop" and reply.end.data["usage"]["completionTokens"] > 0
    assert "2 metres per day" in reply.text
    assert reply.citations and all(item["documentId"] == job["documentId"] for item in reply.citations)
    assert any("Perito Moreno" in item["text"] for item in reply.citations)
    check_quotations(ada, reply.citations + reply.sources)
    assert ada.text(job["documentId"]) == ada.text(job["documentId"], job["revisionId"])
    # What is stored is what was streamed.
    stored = ada.messages(reply.started["conversationId"])
    assert [message["role"] for message in stored] == ["MESSAGE_ROLE_USER", "MESSAGE_ROLE_ASSISTANT"]
    assert stored[1]["content"] == reply.text and stored[1]["finishReason"] == "stop"
    assert stored[1]["citations"] == reply.citations and stored[1]["sources"] == reply.sources
    assert stored[1]["id"] == reply.started["messageId"] and stored[1]["parentId"] == stored[0]["id"]


def test_a_job_tells_its_stages_to_its_end(ada: Account) -> None:
    job = ada.approve(ada.submit("Stages", "The stages of a rocket burn one after the other. " * 200))
    followed = ada.stream("GET", f"/jobs/{job}/events")
    assert followed[-1].name == "completed"
    stages = {stage["stage"]: stage for stage in followed[-1].data["stages"]}
    assert list(stages) == ["JOB_STATE_EXTRACTING", "JOB_STATE_CHUNKING", "JOB_STATE_EMBEDDING"]
    assert all(stage["done"] == stage["total"] > 0 for stage in stages.values())
    # A job that has ended is told at once.
    assert [event.name for event in ada.stream("GET", f"/jobs/{job}/events")][-1:] == ["completed"]
    assert ada.call("GET", f"/jobs/{job}")["job"] == followed[-1].data


@pytest.mark.parametrize(
    ("name", "media_type", "content", "sentence"),
    [
        ("quokka.txt", "text/plain", "The quokka lives on Rottnest Island.\n", "The quokka lives on Rottnest Island."),
        ("numbat.md", "text/markdown", "# Numbats\n\nThe *numbat* eats termites.\n", "The *numbat* eats termites."),
        (
            "bilby.html", "text/html",
            "<html><head><title>Bilbies</title><script>steal()</script></head><body><nav>Home</nav>"
            "<main><h1>Bilbies</h1><p>The bilby digs <b>spiral</b> burrows &amp; sleeps.</p></main></body></html>",
            "The bilby digs spiral burrows & sleeps.",
        ),
    ],
)
def test_a_file_is_uploaded_and_found(
    ada: Account, name: str, media_type: str, content: str, sentence: str, request: pytest.FixtureRequest
) -> None:
    if media_type == "text/html":
        request.getfixturevalue("html")
    animal = name.split(".")[0]
    submission = ada.upload(
        name, content.encode(), media_type, title=f"About {animal}", metadata='{"tags":["animals"]}')
    stored = ada.call("GET", f"/submissions/{submission}")["submission"]
    assert stored["fileName"] == name and stored["byteCount"] == len(content.encode())
    assert stored["metadata"] == {"tags": ["animals"]} and stored["status"] == "SUBMISSION_STATUS_PENDING"
    job = ada.ingest(submission)
    text = ada.text(job["documentId"]).decode()
    assert sentence in text and "steal()" not in text
    hits = ada.search(animal, filters={"tags": ["animals"]})
    assert hits[0]["documentId"] == job["documentId"]
    check_quotations(ada, hits)
    revision = ada.call("GET", f"/documents/{job['documentId']}/revisions")["revisions"][0]
    assert revision["contentHash"] == hashlib.sha256(text.encode()).hexdigest()


def test_the_past_is_answered_from_the_revision_of_that_time(ada: Account) -> None:
    source = "https://wiki.example.org/crew"
    first = ada.publish("Crew", "The crew of the zeppelin numbers forty.", sourceUri=source)
    between = ada.call("GET", f"/documents/{first['documentId']}")["document"]["updatedAt"]
    second = ada.publish("Crew", "The crew of the zeppelin numbers fifty.", sourceUri=source)
    assert second["documentId"] == first["documentId"] and second["revisionId"] != first["revisionId"]
    document = first["documentId"]
    assert "fifty" in ada.search("zeppelin crew")[0]["text"]
    assert "forty" in ada.search("zeppelin crew", asOf=between)[0]["text"]
    assert ada.search("zeppelin crew", asOf="2020-01-01T00:00:00Z") == []
    only = {"documentIds": [document]}
    assert "fifty" in ada.ask("How many are the crew of the zeppelin?", filters=only).text
    old = ada.ask("How many are the crew of the zeppelin?", filters=only, asOf=between)
    assert "forty" in old.text and all(item["revisionId"] == first["revisionId"] for item in old.citations)
    check_quotations(ada, old.citations)
    revisions = ada.call("GET", f"/documents/{document}/revisions")["revisions"]
    assert [(item["number"], "supersededAt" in item) for item in revisions] == [(2, False), (1, True)]
    # The same bytes again make no revision.
    again = ada.publish("Crew", "The crew of the zeppelin numbers fifty.", sourceUri=source)
    assert again["revisionId"] == second["revisionId"]
    ada.call("DELETE", f"/documents/{document}")
    assert ada.search("zeppelin crew") == []
    ada.call("GET", f"/documents/{document}", status=404)


def test_conversations_are_kept_renamed_branched_and_deleted(ada: Account) -> None:
    made = ada.call("POST", "/conversations", json={"title": "Rockets"})["conversation"]
    assert ada.call("GET", "/conversations")["conversations"][0]["id"] == made["id"]
    first = ada.ask("When does a boundary layer turn turbulent?", conversationId=made["id"])
    second = ada.ask("And the Reynolds number?", conversationId=made["id"])
    branch = ada.ask("Say it again?", conversationId=made["id"], parentId=first.started["messageId"])
    anew = ada.stream(
        "POST", f"/conversations/{made['id']}/messages/{first.started['messageId']}/regenerate", {})
    assert anew[-1].name == "completed"
    stored = {message["id"]: message for message in ada.messages(made["id"])}
    assert len(stored) == 7
    for reply in (second, branch):
        assert stored[reply.started["userMessageId"]]["parentId"] == first.started["messageId"]
    sibling = stored[anew[0].data["messageId"]]
    assert sibling["parentId"] == first.started["userMessageId"] and sibling["id"] != first.started["messageId"]
    renamed = ada.call("PATCH", f"/conversations/{made['id']}", json={"title": "Raketen 🚀"})["conversation"]
    assert renamed["title"] == "Raketen 🚀"
    assert ada.call("GET", f"/conversations/{made['id']}")["conversation"] == renamed
    ada.call("DELETE", f"/conversations/{made['id']}")
    ada.call("GET", f"/conversations/{made['id']}/messages", status=404)


def test_lists_go_on_page_by_page(ada: Account) -> None:
    made = [ada.call("POST", "/conversations", json={"title": f"Page {n}"})["conversation"]["id"] for n in range(5)]
    seen: list[str] = []
    token = None
    while True:
        page = ada.call("GET", "/conversations", params={"pageSize": 2} | ({"pageToken": token} if token else {}))
        assert len(page["conversations"]) <= 2
        seen += [item["id"] for item in page["conversations"]]
        if not (token := page.get("nextPageToken")):
            break
    assert len(set(seen)) == len(seen) and seen[:5] == made[::-1]


def test_a_contributor_submits_and_an_admin_decides(ada: Account, fresh: Server) -> None:
    bob = fresh.sign_up("bob")
    assert bob.user["role"] == "USER_ROLE_USER"
    bob.call("POST", "/submissions", status=403, json={"title": "No", "text": "Not allowed."})
    submission = ada.submit("To be rejected", "Pigs fly at dawn.")
    # Whoever may not read submissions does not learn which there are.
    for some in (submission, "00000000-0000-7000-8000-000000000000"):
        bob.call("GET", f"/submissions/{some}", status=403)
    bob.call("POST", f"/submissions/{submission}/approve", status=403, json={})
    rejected = ada.call("POST", f"/submissions/{submission}/reject", json={"note": "They do not."})["submission"]
    assert rejected["status"] == "SUBMISSION_STATUS_REJECTED" and rejected["note"] == "They do not."
    assert rejected["reviewedBy"] == ada.user["id"]
    listed = ada.call("GET", "/submissions", params={"status": "SUBMISSION_STATUS_REJECTED"})["submissions"]
    assert submission in [item["id"] for item in listed]
    assert all("Pigs" not in hit["text"] for hit in ada.search("pigs fly at dawn"))


def test_sessions_are_listed_and_revoked_and_an_account_deleted(fresh: Server, ada: Account) -> None:
    eve = fresh.sign_up("eve")
    second = fresh.sign_in("EVE@example.org")
    sessions = eve.call("GET", "/auth/sessions")["sessions"]
    assert [session["current"] for session in sessions] == [False, True]
    assert all(session["ipAddress"] == "127.0.0.1" and "python-httpx" in session["userAgent"] for session in sessions)
    # Somebody else's session is not found.
    ada.call("DELETE", f"/auth/sessions/{sessions[0]['id']}", status=404)
    eve.call("DELETE", f"/auth/sessions/{sessions[0]['id']}")
    second.call("GET", "/auth/me", status=401)
    third = fresh.sign_in("eve@example.org")
    assert eve.call("DELETE", "/auth/sessions")["revoked"] == 2
    third.call("GET", "/auth/me", status=401)
    last = fresh.sign_in("eve@example.org")
    last.call("POST", "/auth/signout")
    last.call("GET", "/auth/me", status=401)
    gone = fresh.sign_in("eve@example.org")
    gone.call("DELETE", "/auth/me")
    gone.call("GET", "/auth/me", status=401)
    refused = httpx.post(
        f"{fresh.url}/api/v1/auth/signin", timeout=30,
        json={"email": "eve@example.org", "password": "correct horse battery"})
    error_of(refused, 401, "unauthenticated")


def test_wrong_password_and_unknown_address_get_the_same_words(fresh: Server, ada: Account) -> None:
    answers = [
        httpx.post(f"{fresh.url}/api/v1/auth/signin", json={"email": email, "password": "wrong horse"}, timeout=30)
        for email in ("ada@example.org", "nobody@example.org")
    ]
    assert error_of(answers[0], 401, "unauthenticated") == error_of(answers[1], 401, "unauthenticated")


def test_text_is_revalidated_by_its_entity_tag(ada: Account) -> None:
    job = ada.publish("Tagged", "An entity tag names a state of a thing.")
    with ada.client() as client:
        first = client.get(f"/documents/{job['documentId']}/text")
        again = client.get(f"/documents/{job['documentId']}/text", headers={"If-None-Match": first.headers["etag"]})
    assert first.headers["etag"] == f'"{hashlib.sha256(first.content).hexdigest()}"'
    assert again.status_code == 304 and not again.content


# Connect


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The contract's messages, generated for Python from proto/."""
    out = tmp_path_factory.mktemp("generated")
    import grpc_tools

    command = [
        sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}",
        f"-I{Path(grpc_tools.__file__).parent / '_proto'}", f"--python_out={out}",
        *map(str, sorted((ROOT / "proto").rglob("*.proto"))),
    ]
    subprocess.run(command, check=True, timeout=60)
    sys.path.insert(0, str(out))
    try:
        names = ("auth", "chat", "common", "conversation", "knowledge", "memory", "retrieval")
        module = ModuleType("messages")
        for name in names:
            module.__dict__.update(vars(importlib.import_module(f"opentier.v1.{name}_pb2")))
        return module
    finally:
        sys.path.remove(str(out))


class Connect:
    """A client of the Connect protocol, unary, in JSON or binary."""

    def __init__(self, server: Server, messages: ModuleType, codec: str) -> None:
        self._server, self._messages, self._codec = server, messages, codec
        self.token = ""

    def __call__(self, method: str, request: str, **fields: Any) -> Any:
        """Calls `Service/Method`; `request` names the message, and its response by its end."""
        from google.protobuf import json_format

        message = getattr(self._messages, f"{request}Request")()
        json_format.ParseDict(fields, message)
        body = (
            message.SerializeToString() if self._codec == "proto"
            else json_format.MessageToJson(message).encode())
        headers = {"Content-Type": f"application/{self._codec}", "Connect-Protocol-Version": "1"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        answer = httpx.post(f"{self._server.url}/opentier.v1.{method}", content=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == f"application/{self._codec}"
        response = getattr(self._messages, f"{request}Response")()
        if self._codec == "proto":
            response.ParseFromString(answer.content)
        else:
            json_format.Parse(answer.text, response)
        return response


@pytest.mark.parametrize("codec", ["json", "proto"])
def test_the_main_job_goes_through_connect(ada: Account, messages: ModuleType, codec: str) -> None:
    call = Connect(ada.server, messages, codec)
    signed = call(
        "AuthService/SignUp", "SignUp", email=f"{codec}@example.org", password="correct horse battery",
        displayName="Connie")
    assert len(signed.session.token) == 64 and signed.user.role == messages.UserRole.Value("USER_ROLE_USER")
    call.token = signed.session.token
    assert call("AuthService/GetMe", "GetMe").user.email == f"{codec}@example.org"
    call.token = ada.token
    text = f"The {codec} codec carries the wombat — and its cube-shaped 💩 — across the wire."
    submission = call("KnowledgeService/CreateSubmission", "CreateSubmission", title="Wombats", text=text).submission
    read = call("KnowledgeService/GetSubmission", "GetSubmission", submissionId=submission.id)
    assert read.text == text and not read.text_truncated and read.submission.byte_count == len(text.encode())
    job = call("KnowledgeService/ApproveSubmission", "ApproveSubmission", submissionId=submission.id).job_id
    finished = ada.finished(job)
    document = call("KnowledgeService/GetDocumentText", "GetDocumentText", documentId=finished["documentId"])
    assert document.text == text and document.content_hash == hashlib.sha256(text.encode()).hexdigest()
    hits = call(
        "RetrievalService/Search", "Search", query=f"{codec} wombat", mode="SEARCH_MODE_HYBRID",
        filters={"documentIds": [finished["documentId"]]}).hits
    assert len(hits) == 1 and hits[0].HasField("start_offset") and hits[0].start_offset == 0
    assert text.encode()[hits[0].start_offset:hits[0].end_offset] == hits[0].text.encode()
    assert hits[0].approved_by == "Ada" and hits[0].score > 0


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "code"),
    [
        ("AuthService/GetMe", {"Content-Type": "application/json"}, b"{}", 401, "unauthenticated"),
        ("AuthService/SignIn", {"Content-Type": "application/json"}, b'{"email":1}', 400, "invalid_argument"),
        ("AuthService/SignIn", {"Content-Type": "application/proto"}, b"\xff\xff", 400, "invalid_argument"),
        ("AuthService/SignIn", {"Content-Type": "text/plain"}, b"{}", 415, "invalid_argument"),
        ("AuthService/Nothing", {"Content-Type": "application/json"}, b"{}", 404, "unimplemented"),
        ("ChatService/StreamChat", {"Content-Type": "application/json"}, b"{}", 415, "invalid_argument"),
    ],
)
def test_connect_answers_with_its_errors(
    fresh: Server, path: str, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    error_of(httpx.post(f"{fresh.url}/opentier.v1.{path}", content=body, headers=headers), status, code)


# What operators and tools look at


def test_the_openapi_document_is_valid_and_names_every_path(fresh: Server) -> None:
    answer = httpx.get(f"{fresh.url}/openapi.json")
    document = answer.json()
    assert answer.headers["content-type"] == "application/json" and document["openapi"].startswith("3.1")
    validate(document)
    for path, methods in document["paths"].items():
        for method in methods:
            concrete = re.sub(r"\{\w+\}", "00000000-0000-7000-8000-000000000000", path)
            # Without a token each path that is there asks for one, but for the two that give one.
            status = httpx.request(method.upper(), fresh.url + concrete).status_code
            assert status == (400 if path.endswith(("/signup", "/signin")) else 401), (method, path)


def test_probes_and_metrics(fresh: Server, ada: Account) -> None:
    assert httpx.get(f"{fresh.url}/healthz").json() == {"status": "ok"}
    ready = httpx.get(f"{fresh.url}/readyz").json()
    assert ready["status"] in ("ok", "degraded")
    assert {check["name"]: check["state"] for check in ready["checks"]}["storage"] == "ok"
    assert all(check["milliseconds"] >= 0 for check in ready["checks"])
    ada.call("GET", "/auth/me")
    answer = httpx.get(f"{fresh.url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    requests = families["http_server_request_duration_seconds"]
    assert requests.type == "histogram" and requests.documentation
    counted = [
        sample.value for sample in requests.samples
        if sample.name.endswith("_count") and sample.labels["route"] == "/api/v1/auth/me"
        and sample.labels["status"] == "200"
    ]
    assert sum(counted) >= 1
    jobs = families["ingestion_jobs"] if "ingestion_jobs" in families else families["ingestion_jobs_total"]
    assert sum(sample.value for sample in jobs.samples) >= 1


def test_the_web_page_is_served_from_the_binary(fresh: Server) -> None:
    page = httpx.get(f"{fresh.url}/")
    assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" in page.headers["content-security-policy"] and page.headers["x-content-type-options"] == "nosniff"
    again = httpx.get(f"{fresh.url}/", headers={"If-None-Match": page.headers["etag"]})
    assert again.status_code == 304


# Traces, logs, and cancelling by id: with a provider that remembers what it was sent


@pytest.fixture(scope="module")
def traced(binary: Path, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("traced")
    with running(binary, folder, config=provider.config("log: { level: trace, format: json }\n")) as server:
        yield server


def test_a_trace_goes_through_and_no_log_line_holds_what_people_wrote(traced: Server, provider: Provider) -> None:
    grace = traced.sign_up("grace")
    text = "The secretword-document lies in the vault."
    grace.publish("Secretword-title", text, metadata={"tags": ["secretword-tag"]})
    provider.behave = says("The secretword-answer", " is [1].")
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    headers = {
        "traceparent": f"00-{trace}-{span}-01", "x-request-id": "my-own-id", "Authorization": f"Bearer {grace.token}"}
    with httpx.Client(base_url=traced.url, headers=headers, timeout=30) as client:
        question = {"message": "What about the secretword-question, secretword-document?"}
        with client.stream("POST", "/api/v1/chat", json=question) as answer:
            assert answer.headers["x-request-id"] == "my-own-id"
            assert [event.name for event in events(answer.iter_lines())][-1] == "completed"
        client.post("/api/v1/search", json={"query": "secretword-query"}).raise_for_status()
        client.post("/api/v1/search", json={"query": "secretword-wrong", "unknown": "secretword"})
    sent = provider.calls[-1]
    assert sent.headers["authorization"] == "Bearer sk-very-secret" and sent.body["model"] == "fake-1"
    assert "secretword-document" in json.dumps(sent.body)
    assert re.fullmatch(rf"00-{trace}-[0-9a-f]{{16}}-01", sent.headers["traceparent"])
    # A line is written when the answer is out, which may be after the client has it.
    deadline = time.monotonic() + 10
    while True:
        lines = [line for line in traced.log_lines() if line.get("request_id") == "my-own-id"]
        requests = [line for line in lines if line["message"] == "request"]
        if len(requests) == 3:
            break
        assert len(requests) < 3 and time.monotonic() < deadline, requests
        time.sleep(0.05)
    for line in requests:
        assert line["trace_id"] == trace and re.fullmatch("[0-9a-f]{16}", line["span_id"]) and line["span_id"] != span
        assert line["user_id"] == grace.user["id"] and line["organization_id"] == grace.user["organizationId"]
        assert line["service"] == "opentier" and line["level"] == "info" and line["timestamp"].endswith("Z")
    for secret in ("secretword", "vault", "sk-very-secret", grace.token, "correct horse", "grace@example.org"):
        assert secret.lower() not in traced.log().lower(), secret


def test_an_answer_is_cancelled_by_its_id(traced: Server, provider: Provider) -> None:
    kay = traced.sign_up("kay")
    provider.behave = provider.talks_until_left
    with kay.open_stream("/chat", {"message": "Tell me everything."}) as stream:
        started = stream.until("started").data
        stream.until("delta")
        # Nobody else can stop it.
        other = traced.sign_up("oscar")
        other.call("POST", f"/chat/{started['messageId']}/cancel", status=404)
        kay.call("POST", f"/chat/{started['messageId']}/cancel")
        assert stream.until("completed").data["finishReason"] == "cancelled"
        assert list(stream) == []
    assert provider.calls[-1].closed.wait(10)
    answer = kay.messages(started["conversationId"])[-1]
    assert answer["id"] == started["messageId"] and answer["finishReason"] == "cancelled"
    assert answer["content"].startswith("word1 ")
    kay.call("POST", f"/chat/{started['messageId']}/cancel", status=404)
