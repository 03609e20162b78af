"""The contract over each of its wires, behind one small interface, so that one test can hold them all to the same answers.

A wire calls methods by their names (`ChatService/StreamChat`) with messages as dictionaries of the protobuf JSON mapping.
Another wire is another class here with a name in `WIRES`.
"""

from __future__ import annotations

import base64
import gzip
import importlib
import itertools
import json
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import unquote

import grpc
import httpx
from google.protobuf import json_format

import stubs
from support import Server, events

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "opentier.v1"
CODES = [
    "ok", "canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists",
    "permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented",
    "internal", "unavailable", "data_loss", "unauthenticated",
]
Message = dict[str, Any]
Detail = tuple[str, bytes]


class WireError(Exception):
    """A call that failed, as every wire tells it: Connect's code, the message, and details as type and bytes."""

    def __init__(self, code: str, message: str, details: list[Detail]) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.details = code, message, details

    @classmethod
    def of_json(cls, body: Message) -> WireError:
        details = [(item["type"], unpadded(item["value"])) for item in body.get("details", [])]
        return cls(body["code"], body.get("message", ""), details)


class Wire(Protocol):
    """The contract over one wire, for one caller."""

    def unary(self, method: str, request: Message) -> Message:
        """The answer of a method with one."""

    def stream(self, method: str, request: Message) -> list[Message]:
        """All messages of a method's stream."""


def unpadded(text: str) -> bytes:
    """The bytes of Base64 with padding or without."""
    return base64.b64decode(text + "=" * (-len(text) % 4))


def envelope(payload: bytes, flags: int = 0) -> bytes:
    return struct.pack(">BI", flags, len(payload)) + payload


def envelopes(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The flags and payloads of a whole body."""
    while body:
        flags, length = struct.unpack_from(">BI", body)
        assert len(body) >= 5 + length, "the body ends within an envelope"
        yield flags, body[5:5 + length]
        body = body[5 + length:]


@dataclass
class Caller:
    """A server, and who calls it."""

    server: Server
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def url(self, method: str) -> str:
        return f"{self.server.url}/{PACKAGE}.{method}"


@cache
def _rest_paths(url: str) -> dict[str, tuple[str, str]]:
    """Each method's verb and path, as the OpenAPI document has them."""
    document = httpx.get(f"{url}/openapi.json").raise_for_status().json()
    return {
        operation["operationId"].replace("_", "/"): (verb.upper(), path)
        for path, operations in document["paths"].items() for verb, operation in operations.items()
    }


class REST(Caller):
    """JSON on resource paths, and server-sent events."""

    def _request(self, method: str, request: Message) -> dict[str, Any]:
        verb, path = _rest_paths(self.server.url)[method]
        fields = dict(request)
        path = re.sub(r"\{(\w+)\}", lambda match: str(fields.pop(match[1])), path)
        content = {"json": fields} if verb in ("POST", "PATCH") else {"params": fields}
        return {"method": verb, "url": self.server.url + path, "headers": self.headers, "timeout": 60, **content}

    def unary(self, method: str, request: Message) -> Message:
        answer = httpx.request(**self._request(method, request))
        if answer.status_code != 200:
            raise WireError.of_json(answer.json())
        if answer.headers["content-type"].startswith("text/plain"):
            return {"text": answer.text, "contentHash": answer.headers["etag"].strip('"')}
        return answer.json()

    def stream(self, method: str, request: Message) -> list[Message]:
        with httpx.stream(**self._request(method, request)) as answer:
            if answer.status_code != 200:
                answer.read()
                raise WireError.of_json(answer.json())
            found = list(events(answer.iter_lines()))
        if found and found[-1].name == "error":
            raise WireError.of_json(found[-1].data)
        return [{event.name: event.data} for event in found]


@cache
def generated() -> Callable[[str], ModuleType]:
    """The messages and clients that connectrpc's generators make of proto/, by module name (`chat_pb`)."""
    out = tempfile.TemporaryDirectory(prefix="opentier-connectrpc-")
    import grpc_tools

    folder = Path(sys.executable).parent
    plugins = [f"--plugin=protoc-gen-{name}={folder / f'protoc-gen-{name}'}" for name in ("py", "connectrpc")]
    # `--py_out` is the plugin's; protoc's own is `--python_out`.
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}",
         f"-I{Path(grpc_tools.__file__).parent / '_proto'}", *plugins, f"--py_out={out.name}",
         f"--connectrpc_out={out.name}", *map(str, sorted((ROOT / "proto/opentier/v1").glob("*.proto")))],
        check=True, timeout=60)
    names = ("auth", "chat", "common", "conversation", "knowledge", "memory", "retrieval")
    # Other tests load other generators' modules of the same package.
    others = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "opentier"}
    sys.path.insert(0, out.name)
    try:
        modules = {
            f"{name}_{kind}": importlib.import_module(f"{PACKAGE}.{name}_{kind}")
            for kind in ("pb", "connect") for name in names if (kind, name) != ("connect", "common")
        }
    finally:
        sys.path.remove(out.name)
        for name in [name for name in sys.modules if name.split(".")[0] == "opentier"]:
            del sys.modules[name]
        sys.modules.update(others)
    modules["keep"] = out  # type: ignore[assignment]  # The folder goes when the process does.
    return modules.__getitem__


@dataclass
class ConnectRPC(Caller):
    """Clients that connectrpc's generator makes: Connect in JSON and binary, and gRPC-Web; gzip both ways."""

    protocol: str = "CONNECT"
    codec: str = "proto"
    get: bool = False

    def client(self, service: str, **more: Any) -> Any:
        from connectrpc.codec import proto_binary_codec, proto_json_codec
        from connectrpc.protocol import ProtocolType

        module = generated()(service.removesuffix("Service").lower() + "_connect")
        codec = proto_json_codec() if self.codec == "json" else proto_binary_codec()
        return getattr(module, f"{service}ClientSync")(
            self.server.url, codec=codec, protocol=ProtocolType[self.protocol], **more)

    @staticmethod
    def request(method: str, request: Message) -> Any:
        service, name = method.split("/")
        module = generated()(service.removesuffix("Service").lower() + "_pb")
        return getattr(module, f"{name}Request").from_json(json.dumps(request))

    def _call(self, method: str, request: Message, **more: Any) -> Any:
        service, name = method.split("/")
        call = getattr(self.client(service), re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
        return call(self.request(method, request), headers=self.headers, **more)

    def unary(self, method: str, request: Message) -> Message:
        name = method.split("/")[1]
        use_get = {"use_get": True} if self.get and name.startswith(("Get", "List", "Search")) else {}
        with _connect_errors():
            return json.loads(self._call(method, request, **use_get).to_json())

    def stream(self, method: str, request: Message) -> list[Message]:
        with _connect_errors():
            return [json.loads(message.to_json()) for message in self._call(method, request)]


class _connect_errors:
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        from connectrpc.errors import ConnectError

        if isinstance(error, ConnectError):
            details = [(item.type_name, item.message_bytes) for item in error.details]
            raise WireError(error.code.value, error.message, details) from error


@dataclass
class BufCurl(Caller):
    """`buf curl` with the contract's own files as its schema."""

    protocol: str = "connect"

    def arguments(self, method: str) -> list[str | Path]:
        return ["--schema", ROOT / "proto", "--protocol", self.protocol, self.url(method)]

    def stream(self, method: str, request: Message) -> list[Message]:
        headers = [part for name, value in self.headers.items() for part in ("-H", f"{name}: {value}")]
        run = subprocess.run(
            [Path(sys.executable).parent / "buf", "curl", *headers, "-d", "@-", *self.arguments(method)],
            input=json.dumps(request), capture_output=True, text=True, timeout=60)
        if run.returncode != 0:
            raise WireError.of_json(json.loads(run.stderr))
        decoder, text, found = json.JSONDecoder(), run.stdout.strip(), []
        while text:
            message, end = decoder.raw_decode(text)
            found.append(message)
            text = text[end:].strip()
        return found

    def unary(self, method: str, request: Message) -> Message:
        [message] = self.stream(method, request)
        return message


@dataclass
class Curl(Caller):
    """`curl`, with frames that are put together and taken apart by hand: Connect or gRPC-Web, in JSON."""

    protocol: str = "connect"
    compressed: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    def post(self, method: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """The status, header fields and body that curl gets."""
        lines = [part for item in (self.headers | headers | self.extra).items() for part in ("-H", ": ".join(item))]
        run = subprocess.run(
            ["curl", "-sS", "-i", "-N", "--max-time", "60", "--data-binary", "@-", *lines, self.url(method)],
            input=body, capture_output=True, timeout=90, check=True)
        head, _, rest = run.stdout.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head, _, rest = rest.partition(b"\r\n\r\n")
        first, *fields = head.decode().split("\r\n")
        named = {name.lower(): value for name, _, value in (line.partition(": ") for line in fields)}
        return int(first.split()[1]), named, rest

    def unary(self, method: str, request: Message) -> Message:
        content = json.dumps(request).encode()
        if self.protocol != "connect":
            [message] = self._enveloped(method, content)
            return message
        headers = {"Content-Type": "application/json"}
        if self.compressed:
            content, headers = gzip.compress(content), headers | {"Content-Encoding": "gzip"}
        status, fields, body = self.post(method, content, headers)
        if fields.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if status != 200:
            raise WireError.of_json(json.loads(body))
        return json.loads(body)

    def stream(self, method: str, request: Message) -> list[Message]:
        return self._enveloped(method, json.dumps(request).encode())

    def _enveloped(self, method: str, content: bytes) -> list[Message]:
        is_web, is_text = self.protocol != "connect", self.protocol == "grpc-web-text"
        prefix = "grpc" if is_web else "connect-content"
        headers = {"Content-Type": f"application/{self.protocol}+json"}
        body = envelope(content)
        if self.compressed:
            headers[f"{prefix}-encoding"] = "gzip"
            body = envelope(gzip.compress(content), 1)
        if is_text:
            # In pieces that are padded by themselves, as a client may write them.
            body = b"".join(base64.b64encode(body[at:at + 7]) for at in range(0, len(body), 7))
        status, fields, answer = self.post(method, body, headers)
        if status != 200:
            raise WireError.of_json(json.loads(answer))
        assert fields["content-type"] == f"application/{self.protocol}+json" and fields["x-request-id"]
        if is_text:
            # Padding may come wherever the server has written.
            answer = b"".join(base64.b64decode(answer[at:at + 4]) for at in range(0, len(answer), 4))
        return self._messages(fields, answer)

    def _messages(self, fields: dict[str, str], body: bytes) -> list[Message]:
        found = []
        frames = list(envelopes(body))
        for flags, payload in frames[:-1]:
            assert flags in (0, 1), flags
            found.append(json.loads(gzip.decompress(payload) if flags else payload))
        if self.protocol == "connect":
            flags, last = frames[-1]
            assert flags == 2
            if error := json.loads(last).get("error"):
                raise WireError.of_json(error)
            return found
        if frames:
            flags, block = frames[-1]
            assert flags == 0x80 and block.endswith(b"\r\n")
            fields = dict(line.split(": ", 1) for line in block.decode().split("\r\n") if line)
        if fields["grpc-status"] != "0":
            raise grpc_error(fields)
        return found


def grpc_error(fields: dict[str, str]) -> WireError:
    """The error of trailers."""
    details = []
    if packed := fields.get("grpc-status-details-bin"):
        details = _status_details(unpadded(packed))
    return WireError(CODES[int(fields["grpc-status"])], unquote(fields.get("grpc-message", "")), details)


def _status_details(status: bytes) -> list[Detail]:
    """The details of a `google.rpc.Status`: field 3, of `Any` with a type (1) and a value (2)."""
    found = []
    for number, value in _fields(status):
        if number == 3:
            detail = dict(_fields(value))
            found.append((detail[1].decode().removeprefix("type.googleapis.com/"), detail.get(2, b"")))
    return found


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that have a length; numbers are passed over."""
    at = 0

    def number() -> int:
        nonlocal at
        value = 0
        for shift in itertools.count(step=7):
            value |= (message[at] & 0x7F) << shift
            at += 1
            if message[at - 1] < 0x80:
                return value
        raise AssertionError

    while at < len(message):
        key = number()
        length = number()
        if key & 7 == 2:
            yield key >> 3, message[at:at + length]
            at += length


@cache
def contract() -> ModuleType:
    """The messages and stubs that protoc makes for grpcio; their folder goes when the process does."""
    out = tempfile.TemporaryDirectory(prefix="opentier-grpcio-")
    # Other tests load other generators' modules of the same package.
    others = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "opentier"}
    try:
        module = stubs.generate(Path(out.name))
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "opentier"]:
            del sys.modules[name]
        sys.modules.update(others)
    module.__dict__["keep"] = out
    return module


@dataclass
class GRPC(Caller):
    """Native gRPC with grpcio, on the port of its own."""

    compression: grpc.Compression | None = None

    def _call(self, method: str, request: Message) -> Any:
        service, name = method.split("/")
        message = json_format.ParseDict(request, getattr(contract(), f"{name}Request")())
        client = stubs.Client(contract(), self.server.grpc, self.token, compression=self.compression)
        stub = getattr(contract(), f"{service}Stub")(client.channel)
        return getattr(stub, name)(message, timeout=60, metadata=client.metadata)

    def unary(self, method: str, request: Message) -> Message:
        with _grpc_errors():
            return json_format.MessageToDict(self._call(method, request))

    def stream(self, method: str, request: Message) -> list[Message]:
        with _grpc_errors():
            return [json_format.MessageToDict(message) for message in self._call(method, request)]


class _grpc_errors:
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, grpc.RpcError):
            trailers = dict(error.trailing_metadata() or ())
            details = _status_details(trailers.get("grpc-status-details-bin", b""))
            raise WireError(CODES[error.code().value[0]], error.details() or "", details) from error


class BufCurlGRPC(BufCurl):
    """`buf curl` over HTTP/2 on gRPC's own port; it learns the contract by reflection."""

    def arguments(self, method: str) -> list[str | Path]:
        return ["--protocol", "grpc", "--http2-prior-knowledge", f"http://{self.server.grpc}/{PACKAGE}.{method}"]


WIRES: dict[str, Callable[[Server, str], Wire]] = {
    "REST": REST,
    "Connect JSON": lambda server, token: ConnectRPC(server, token, "CONNECT", "json"),
    "Connect proto": lambda server, token: ConnectRPC(server, token, "CONNECT", "proto"),
    "Connect GET": lambda server, token: ConnectRPC(server, token, "CONNECT", "proto", get=True),
    "gRPC-Web": lambda server, token: ConnectRPC(server, token, "GRPC_WEB", "proto"),
    "buf curl connect": lambda server, token: BufCurl(server, token, "connect"),
    "buf curl grpcweb": lambda server, token: BufCurl(server, token, "grpcweb"),
    "gRPC": GRPC,
    "gRPC gzip": lambda server, token: GRPC(server, token, grpc.Compression.Gzip),
    "buf curl grpc": BufCurlGRPC,
    "curl connect": lambda server, token: Curl(server, token, "connect"),
    "curl connect gzip": lambda server, token: Curl(
        server, token, "connect", True, {"Accept-Encoding": "gzip", "Connect-Accept-Encoding": "gzip"}),
    "curl grpc-web": lambda server, token: Curl(
        server, token, "grpc-web", True, {"grpc-accept-encoding": "gzip"}),
    "curl grpc-web-text": lambda server, token: Curl(server, token, "grpc-web-text"),
}
