"""The main job and its failures over native gRPC, as grpcio's clients do it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import grpc
import httpx
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from stubs import Client, generate
from support import PASSWORD, Account, Server, running

STOATS = "The stoat turns white in winter — the tip of its tail stays black. 🦦\nIn summer it is brown.\n"
SERVICES = ["ApiKey", "Auth", "Chat", "Conversation", "Knowledge", "Memory", "Retrieval", "Usage"]


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return generate(tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="module")
def server(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(binary, tmp_path_factory.mktemp("grpc")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server, contract: ModuleType) -> Iterator[Client]:
    """Nobody."""
    client = Client(contract, server.grpc)
    yield client
    client.close()


@pytest.fixture(scope="module")
def ada(client: Client) -> Client:
    """The first account, which is the admin."""
    signed = client("Auth.SignUp", email="ada@example.org", password=PASSWORD, display_name="Ada")
    assert len(signed.session.token) == 64
    return client.signed_in(signed.session.token)


@pytest.fixture(scope="module")
def bob(ada: Client) -> Client:
    """An account that may do little."""
    signed = ada.signed_in("")("Auth.SignUp", email="bob@example.org", password=PASSWORD, display_name="Bob")
    return ada.signed_in(signed.session.token)


def publish(ada: Client, title: str, text: str) -> str:
    """Submits, approves and watches; the document's id."""
    submission = ada("Knowledge.CreateSubmission", title=title, text=text).submission
    job = ada("Knowledge.ApproveSubmission", submission_id=submission.id).job_id
    events = list(ada("Knowledge.WatchJob", job_id=job, timeout=120))
    assert [event.WhichOneof("event") for event in events][-1] == "completed"
    assert all(event.WhichOneof("event") == "progress" for event in events[:-1])
    assert ada.enum("JobState", events[-1].completed.state) == "JOB_STATE_INDEXED"
    return events[-1].completed.document_id


def test_the_main_job_from_sign_up_to_a_cited_answer(ada: Client) -> None:
    assert ada.enum("UserRole", ada("Auth.GetMe").user.role) == "USER_ROLE_ADMIN"
    document = publish(ada, "Stoats", STOATS)
    whole = ada("Knowledge.GetDocumentText", document_id=document).text.encode()
    assert whole == STOATS.encode()
    hits = ada("Retrieval.Search", query="stoat winter").hits
    assert hits and hits[0].document_id == document and hits[0].HasField("start_offset")

    events = list(ada("Chat.StreamChat", message="What colour is the stoat in winter?"))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[:2] == ["started", "sources"] and kinds[-1] == "completed" and kinds.count("delta") > 1
    text = "".join(event.delta.text for event in events if event.WhichOneof("event") == "delta")
    assert "white" in text and "[1]" in text
    completed = events[-1].completed
    assert completed.finish_reason == "stop" and completed.citations
    for passage in [*completed.citations, *events[1].sources.sources]:
        assert passage.document_id == document
        assert whole[passage.start_offset:passage.end_offset] == passage.text.encode()
        assert passage.submitted_by == passage.approved_by == "Ada"
    stored = ada("Conversation.ListMessages", conversation_id=events[0].started.conversation_id).messages
    assert [message.content for message in stored][1] == text


def test_what_is_done_over_grpc_is_seen_over_http(server: Server, ada: Client) -> None:
    me = httpx.get(f"{server.url}/api/v1/auth/me", headers={"Authorization": f"Bearer {ada.token}"}).json()["user"]
    assert me["id"] == ada("Auth.GetMe").user.id


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_messages_may_be_compressed(server: Server, ada: Client, compression: grpc.Compression) -> None:
    packed = Client(ada.contract, server.grpc, ada.token, compression=compression)
    text = f"{compression.name}: the lemming does not jump. " * 2000
    submission = packed("Knowledge.CreateSubmission", title="Lemmings", text=text).submission
    read = packed("Knowledge.GetSubmission", submission_id=submission.id)
    assert read.submission.byte_count == len(text.encode()) and text.startswith(read.text)
    packed.close()


def headers_of(server: Server, method: str, message: bytes, *headers: str) -> dict[str, str]:
    """What a call is answered with before its first message, and behind the last, as it comes."""
    run = subprocess.run(
        [
            "curl", "-s", "--http2-prior-knowledge", "--max-time", "20", "-D", "-", "-o", os.devnull,
            "-H", "content-type: application/grpc", "-H", "te: trailers", *headers, "--data-binary", "@-",
            f"http://{server.grpc}/opentier.v1.{method}",
        ],
        input=b"\x00" + len(message).to_bytes(4, "big") + message, capture_output=True, timeout=30, check=True)
    lines = [line.split(": ", 1) for line in run.stdout.decode().splitlines() if ": " in line]
    return {name: value for name, value in lines}


def test_answers_are_compressed_for_who_can_unpack_them_and_streams_are_not(server: Server, ada: Client) -> None:
    accepts = ("-H", "grpc-accept-encoding: gzip", "-H", f"authorization: Bearer {ada.token}")
    unary = headers_of(server, "AuthService/GetMe", b"", *accepts)
    assert unary["grpc-encoding"] == "gzip" and unary["grpc-status"] == "0"
    question = ada.contract.StreamChatRequest(message="Hello").SerializeToString()
    stream = headers_of(server, "ChatService/StreamChat", question, *accepts)
    assert "grpc-encoding" not in stream and stream["grpc-status"] == "0"


# Failures


def failure(call: object) -> grpc.RpcError:
    """What a call fails with; of a stream, at its first event."""
    with pytest.raises(grpc.RpcError) as raised:
        result = call() if callable(call) else call
        next(result)  # type: ignore[call-overload]
    error = raised.value
    metadata = dict([*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())])
    assert metadata["x-request-id"]
    return error


NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("who", "method", "fields", "code", "message"),
    [
        ("client", "Auth.GetMe", {}, "UNAUTHENTICATED", "sign in"),
        ("client", "Chat.StreamChat", {"message": "x"}, "UNAUTHENTICATED", "sign in"),
        ("ada", "Chat.StreamChat", {"message": ""}, "INVALID_ARGUMENT", "message"),
        ("ada", "Knowledge.GetJob", {"job_id": NOBODY}, "NOT_FOUND", "there is no such job"),
        ("ada", "Chat.StreamChat", {"message": "x", "conversation_id": NOBODY}, "NOT_FOUND", "conversation"),
        ("bob", "Knowledge.CreateSubmission", {"title": "x", "text": "y"}, "PERMISSION_DENIED", ""),
        ("ada", "Auth.SignUp", {"email": "ada@example.org", "password": PASSWORD, "display_name": "A"},
         "ALREADY_EXISTS", "account"),
    ],
)
def test_a_failure_has_its_code_and_words(
    request: pytest.FixtureRequest, who: str, method: str, fields: dict[str, str], code: str, message: str
) -> None:
    caller: Client = request.getfixturevalue(who)
    error = failure(lambda: caller(method, **fields))
    assert error.code().name == code and message in error.details()


def test_a_broken_rule_names_its_field(client: Client) -> None:
    error = failure(lambda: client("Auth.SignIn"))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(error)
    assert status and status.code == 3 and status.message == error.details()
    violation = client.contract.FieldViolation()
    assert status.details[0].Unpack(violation)
    assert violation.field == "email" and violation.description == "must not be empty"


@pytest.mark.parametrize("method", ["/opentier.v1.AuthService/Nothing", "/opentier.v2.Nothing/At", "/nothing"])
def test_a_method_that_is_not_there_is_unimplemented(client: Client, method: str) -> None:
    error = failure(lambda: client.channel.unary_unary(method)(b""))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_private_services_are_not_there(client: Client) -> None:
    error = failure(lambda: client.channel.unary_unary("/opentier.intelligence.v1.IntelligenceService/Search")(b""))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


def test_bytes_that_are_no_message_are_refused(client: Client) -> None:
    error = failure(lambda: client.channel.unary_unary("/opentier.v1.AuthService/SignIn")(b"\xff\xff"))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
@pytest.mark.parametrize(
    ("method", "limit"), [("RetrievalService/Search", 128 << 10), ("ChatService/StreamChat", 512 << 10),
                          ("KnowledgeService/CreateSubmission", 32 << 20)])
def test_a_message_has_at_most_its_methods_bytes(
    server: Server, ada: Client, method: str, limit: int, compression: grpc.Compression
) -> None:
    channel = grpc.insecure_channel(server.grpc, compression=compression)
    call = channel.unary_stream(f"/opentier.v1.{method}")
    # No field has this number: what comes after the size is checked is a matter of the method.
    prefix = b"\xfa\x3f"

    def sized(size: int) -> bytes:
        # Two bytes of tag, four of length: sizes from 2^21 on; two or three for the shorter ones.
        for width in (2, 3, 4):
            rest = size - len(prefix) - width
            length = varint(rest)
            if len(length) == width:
                return prefix + length + bytes(rest)
        raise AssertionError(size)

    error = failure(lambda: call(sized(limit), metadata=ada.metadata))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, error.details()
    for size in (limit + 1, limit + 100_000):
        error = failure(lambda: call(sized(size), metadata=ada.metadata))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and str(limit) in error.details()
    # The connection goes on.
    error = failure(lambda: call(b"", metadata=ada.metadata))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    channel.close()


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def test_who_is_nobody_need_not_send_the_message(server: Server) -> None:
    channel = grpc.insecure_channel(server.grpc)
    call = channel.unary_unary("/opentier.v1.KnowledgeService/CreateSubmission")
    error = failure(lambda: call(bytes(16 << 20), timeout=20))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    channel.close()


def test_a_request_id_is_taken_over_and_told(server: Server, ada: Client) -> None:
    stub = ada.contract.AuthServiceStub(ada.channel)
    metadata = [*ada.metadata, ("x-request-id", "from.me-1"),
                ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    _, call = stub.GetMe.with_call(ada.contract.GetMeRequest(), metadata=metadata)
    assert dict(call.initial_metadata())["x-request-id"] == "from.me-1"
    line = next(line for line in server.log_lines() if line.get("request_id") == "from.me-1")
    assert line["message"] == "call" and line["method"] == "opentier.v1.AuthService/GetMe" and line["code"] == "OK"
    assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736" and line["user_id"]
    _, call = stub.GetMe.with_call(ada.contract.GetMeRequest(), metadata=[*ada.metadata, ("x-request-id", "a b")])
    assert dict(call.initial_metadata())["x-request-id"] not in ("a b", "")


def test_no_message_is_logged_and_calls_are_counted(server: Server, ada: Client) -> None:
    list(ada("Chat.StreamChat", message="Where is the philharmonic hall?"))
    assert "philharmonic" not in server.log()
    metrics = httpx.get(f"{server.url}/metrics").text
    assert 'grpc_request_total{code="OK",method="opentier.v1.ChatService/StreamChat"}' in metrics
    assert 'grpc_request_duration_seconds_count{code="OK",method="opentier.v1.ChatService/StreamChat"}' in metrics
    assert 'grpc_request_total{code="UNIMPLEMENTED",method="unmatched"}' in metrics
    assert "\ngrpc_active_streams 0\n" in metrics


# Health and reflection


def test_health_knows_the_server_and_its_services(client: Client) -> None:
    health = health_pb2_grpc.HealthStub(client.channel)
    for name in ["", *(f"opentier.v1.{service}Service" for service in SERVICES)]:
        assert health.Check(health_pb2.HealthCheckRequest(service=name)).status == 1
    error = failure(lambda: health.Check(health_pb2.HealthCheckRequest(service="opentier.v1.NoService")))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    statuses = health.List(health_pb2.HealthListRequest()).statuses
    assert set(statuses) == {"", *(f"opentier.v1.{service}Service" for service in SERVICES)}
    watch = health.Watch(health_pb2.HealthCheckRequest(service="opentier.v1.NoService"))
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watch.cancel()


def test_reflection_gives_what_a_dynamic_client_needs(client: Client) -> None:
    database = ProtoReflectionDescriptorDatabase(client.channel)
    assert sorted(database.get_services()) == [
        "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
        *(f"opentier.v1.{service}Service" for service in SERVICES)]
    pool = DescriptorPool(database)
    for name in database.get_services():
        assert pool.FindServiceByName(name).methods
    method = pool.FindServiceByName("opentier.v1.ChatService").methods_by_name["StreamChat"]
    assert method.server_streaming and method.input_type.fields_by_name["as_of"]
    for private in ("opentier.intelligence.v1.IntelligenceService", "opentier.intelligence.v1.Caller"):
        with pytest.raises(KeyError):
            pool.FindFileContainingSymbol(private)
    with pytest.raises(KeyError):
        pool.FindFileByName("opentier/intelligence/v1/intelligence.proto")


def buf(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "buf"
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [program, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *arguments], capture_output=True,
        text=True, timeout=60, env=environment)


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_buf_curl_calls_by_reflection(server: Server, ada: Client, version: str) -> None:
    token = f"Authorization: Bearer {ada.token}"
    address = f"http://{server.grpc}/opentier.v1"
    reflection = ("--reflect-protocol", f"grpc-{version}")
    unary = buf(*reflection, "-H", token, "-d", "{}", f"{address}.AuthService/GetMe")
    assert unary.returncode == 0, unary.stderr
    assert json.loads(unary.stdout)["user"]["email"] == "ada@example.org"
    stream = buf(*reflection, "-H", token, "-d", '{"message":"Hello"}', f"{address}.ChatService/StreamChat")
    assert stream.returncode == 0, stream.stderr
    decoder, rest, events = json.JSONDecoder(), stream.stdout.strip(), []
    while rest:
        event, end = decoder.raw_decode(rest)
        events.append(next(iter(event)))
        rest = rest[end:].strip()
    assert events[:2] == ["started", "sources"] and events[-1] == "completed"
    refused = buf(*reflection, "-d", "{}", f"{address}.AuthService/GetMe")
    assert refused.returncode != 0 and "unauthenticated" in refused.stderr


def test_an_http_account_and_a_grpc_account_are_one(server: Server, ada: Client) -> None:
    carla = Account(server, server.sign_up("carla").token, {})
    assert ada.signed_in(carla.token)("Auth.GetMe").user.display_name == "Carla"
