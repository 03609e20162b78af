"""Every wire answers the same: the main job from sign-up to a cited answer, and the errors, over each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import PASSWORD, Account, Server, running
from wires import WIRES, Message, REST, Wire, WireError

# All of UTF-8's lengths, so that offsets in characters would not do; long enough that answers are compressed.
TEXT = (
    "Der Gletscher fließt 🏔️ bergab — 氷河. " * 40
    + "The Vatnajökull glacier covers about {area} square kilometres of Iceland."
)
NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running(binary, tmp_path_factory.mktemp("wires")) as server:
        yield server.sign_up("ada")


@pytest.fixture(params=list(WIRES))
def wire_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def wire(wire_name: str, ada: Account) -> Wire:
    return WIRES[wire_name](ada.server, ada.token)


@pytest.fixture
def rest(ada: Account) -> Wire:
    return REST(ada.server, ada.token)


def plain(value: Any) -> Any:
    """A message without what the JSON mapping lets a writer leave out or in: empty lists, and fields at their zero."""
    if isinstance(value, dict):
        kept = {name: plain(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item not in ([], {}, "", 0, False)}
    return [plain(item) for item in value] if isinstance(value, list) else value


def refused(wire: Wire, method: str, request: Message, *, stream: bool = False) -> WireError:
    with pytest.raises(WireError) as caught:
        wire.stream(method, request) if stream else wire.unary(method, request)
    return caught.value


def test_the_main_job_goes_over_every_wire(wire_name: str, ada: Account, wire: Wire) -> None:
    name = wire_name.lower().replace(" ", "-")
    nobody = WIRES[wire_name](ada.server, "")
    signed = nobody.unary(
        "AuthService/SignUp", {"email": f"{name}@example.org", "password": PASSWORD, "displayName": wire_name})
    assert len(signed["session"]["token"]) == 64 and signed["user"]["role"] == "USER_ROLE_USER"
    own = WIRES[wire_name](ada.server, signed["session"]["token"])
    assert own.unary("AuthService/GetMe", {})["user"]["displayName"] == wire_name

    area = 7_000 + list(WIRES).index(wire_name)
    text = TEXT.format(area=area)
    submission = wire.unary(
        "KnowledgeService/CreateSubmission", {"title": wire_name, "text": text, "metadata": {"tags": [name]}}
    )["submission"]
    assert submission["status"] == "SUBMISSION_STATUS_PENDING"
    job = wire.unary("KnowledgeService/ApproveSubmission", {"submissionId": submission["id"]})["jobId"]
    watched = wire.stream("KnowledgeService/WatchJob", {"jobId": job})
    assert {next(iter(event)) for event in watched[:-1]} <= {"progress"}
    indexed = watched[-1]["completed"]
    assert indexed["state"] == "JOB_STATE_INDEXED"

    # Whoever has just signed up may ask.
    answer = own.stream(
        "ChatService/StreamChat",
        {"message": "How much of Iceland does the Vatnajökull glacier cover?", "filters": {"tags": [name]}})
    names = [next(iter(event)) for event in answer]
    assert names[:2] == ["started", "sources"] and names[-1] == "completed" and names.count("delta") > 1
    assert f"{area}" in "".join(event["delta"]["text"] for event in answer if "delta" in event)
    citations = answer[-1]["completed"]["citations"]
    assert citations and all(item["documentId"] == indexed["documentId"] for item in citations)
    stored = wire.unary(
        "KnowledgeService/GetDocumentText",
        {"documentId": indexed["documentId"], "revision": indexed["revisionId"]})["text"]
    assert stored == text.strip()
    for passage in citations + answer[1]["sources"]["sources"]:
        quoted = stored.encode()[passage.get("startOffset", 0):passage["endOffset"]]
        assert quoted == passage["text"].encode()


def test_the_same_question_has_the_same_answer_on_every_wire(wire: Wire, rest: Wire, ada: Account) -> None:
    if not ada.search("quokka"):
        ada.publish("Quokkas", "The quokka lives on Rottnest Island. " * 60, metadata={"tags": ["animals"]})
    hit = ada.search("quokka")[0]
    document = {"documentId": hit["documentId"]}
    for method, request in {
        "AuthService/GetMe": {},
        "AuthService/ListSessions": {},
        "RetrievalService/Search": {"query": "quokka", "mode": "SEARCH_MODE_LEXICAL"},
        "KnowledgeService/GetDocument": document,
        "KnowledgeService/GetDocumentText": document,
        "KnowledgeService/ListDocumentRevisions": document,
        "KnowledgeService/ListSubmissions": {"pageSize": 2},
        "ConversationService/ListConversations": {"pageSize": 3},
        "MemoryService/ListMemories": {"pageSize": 3},
    }.items():
        answer, expected = plain(wire.unary(method, request)), plain(rest.unary(method, request))
        if method == "KnowledgeService/GetDocumentText":
            # REST answers with the text itself.
            answer = {name: value for name, value in answer.items() if name in expected}
        answer.pop("nextPageToken", None)
        expected.pop("nextPageToken", None)
        assert answer == expected, method
    jobs = rest.unary("KnowledgeService/ListJobs", {"pageSize": 1})["jobs"]
    watch = ("KnowledgeService/WatchJob", {"jobId": jobs[0]["id"]})
    assert plain(wire.stream(*watch)) == plain(rest.stream(*watch))


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        ("RetrievalService/Search", {"query": "x", "filters": {"documentIds": ["x"]}}, "invalid_argument"),
        ("AuthService/SignIn", {"email": "nobody@example.org", "password": PASSWORD}, "unauthenticated"),
        ("KnowledgeService/GetDocument", {"documentId": NOBODY}, "not_found"),
        ("AuthService/SignUp", {"email": "ada@example.org", "password": PASSWORD, "displayName": "A"}, "already_exists"),
        ("AuthService/SignUp", {"email": "é@example.org", "password": "short", "displayName": "A"}, "invalid_argument"),
    ],
)
def test_a_failure_is_told_alike(wire: Wire, rest: Wire, method: str, request_: Message, code: str) -> None:
    error, expected = refused(wire, method, request_), refused(rest, method, request_)
    assert error.code == expected.code == code
    assert error.message == expected.message and error.details == expected.details


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        ("ChatService/StreamChat", {"message": " "}, "invalid_argument"),
        ("ChatService/StreamChat", {"message": "x", "parentId": "x"}, "invalid_argument"),
        ("ChatService/StreamChat", {"message": "x", "conversationId": NOBODY}, "not_found"),
        ("KnowledgeService/WatchJob", {"jobId": NOBODY}, "not_found"),
    ],
)
def test_a_stream_that_cannot_start_is_told_alike(
    wire: Wire, rest: Wire, method: str, request_: Message, code: str
) -> None:
    error, expected = refused(wire, method, request_, stream=True), refused(rest, method, request_, stream=True)
    assert error.code == expected.code == code
    assert error.message == expected.message and error.details == expected.details


def test_details_reach_the_client(wire: Wire) -> None:
    error = refused(wire, "ChatService/StreamChat", {"message": "x", "parentId": "x"}, stream=True)
    [(kind, value)] = error.details
    assert kind == "opentier.v1.FieldViolation" and b"parentId" in value


def test_strangers_are_told_so(wire_name: str, ada: Account) -> None:
    stranger = WIRES[wire_name](ada.server, "")
    assert refused(stranger, "AuthService/GetMe", {}).code == "unauthenticated"
    assert refused(stranger, "ChatService/StreamChat", {"message": "x"}, stream=True).code == "unauthenticated"
    user = ada.server.sign_up("u" + wire_name.lower().replace(" ", "-"))
    wire = WIRES[wire_name](ada.server, user.token)
    assert refused(wire, "KnowledgeService/ListSubmissions", {}).code == "permission_denied"
