"""The contract for Python, generated from proto/, and a client that knows its services by name."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import grpc_tools

ROOT = Path(__file__).resolve().parents[2]
FILES = ("api_key", "auth", "chat", "common", "conversation", "knowledge", "memory", "retrieval", "usage")


def generate(out: Path) -> ModuleType:
    """Generates the public messages and stubs into a folder; all of them in one module."""
    folder = ROOT / "proto/opentier/v1"
    subprocess.run(
        [
            sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}",
            f"-I{Path(grpc_tools.__file__).parent / '_proto'}", f"--python_out={out}", f"--grpc_python_out={out}",
            *map(str, sorted(folder.glob("*.proto"))),
        ],
        check=True, timeout=60)
    sys.path.insert(0, str(out))
    try:
        module = ModuleType("contract")
        for name in FILES:
            module.__dict__.update(vars(importlib.import_module(f"opentier.v1.{name}_pb2")))
            module.__dict__.update(vars(importlib.import_module(f"opentier.v1.{name}_pb2_grpc")))
        return module
    finally:
        sys.path.remove(str(out))


class Client:
    """A gRPC client: `client("Auth.GetMe")` calls `AuthService.GetMe`; a method that streams gives its events."""

    def __init__(
        self, contract: ModuleType, address: str, token: str = "", channel: grpc.Channel | None = None,
        compression: grpc.Compression | None = None,
    ) -> None:
        self.contract, self.token = contract, token
        self.channel = channel or grpc.insecure_channel(address, compression=compression)

    def __call__(self, method: str, *, timeout: float | None = 30, **fields: Any) -> Any:
        service, name = method.split(".")
        stub = getattr(self.contract, f"{service}ServiceStub")(self.channel)
        message = getattr(self.contract, f"{name}Request")(**fields)
        return getattr(stub, name)(message, timeout=timeout, metadata=self.metadata)

    @property
    def metadata(self) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self.token}")] if self.token else []

    def signed_in(self, token: str) -> Client:
        """The same connection with a session."""
        return Client(self.contract, "", token, self.channel)

    def enum(self, name: str, value: int) -> str:
        """The name of an enum's value."""
        return getattr(self.contract, name).Name(value)

    def close(self) -> None:
        self.channel.close()
