"""What all client tests share: the real binary, started on a free port.

`OPENTIER_BINARY` names the binary (default `.build/debug/opentier`), `OPENTIER_TEST_POSTGRES_URL` a superuser of
PostgreSQL and `OPENTIER_TEST_POSTGRES_BIN` the folder of its programs, as `scripts/postgres-server env` prints them.
What cannot be run for want of a program is skipped, visibly; where `CI` is set it fails instead.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn

import httpx
import pytest

import support
from postgres import PRODUCTION, Database, fresh_database, production
from support import Provider

ROOT = Path(__file__).resolve().parents[2]
LISTENING = re.compile(r"listening on (http://\S+?:\d+)")
START_SECONDS = 60.0
STOP_SECONDS = 30.0


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (required where CI is set)", pytrace=False)
    pytest.skip(reason)


@dataclass
class Server:
    """A running server."""

    url: str
    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)

    def client(self, token: str | None = None) -> httpx.Client:
        """An HTTP client for the REST paths, signed in with `token` if one is given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)


@pytest.fixture(scope="session")
def unavailable() -> Callable[[str], NoReturn]:
    """Ends a test that lacks a program, with the reason: failed in CI, a visible skip elsewhere."""
    return _unavailable


@pytest.fixture(scope="session")
def binary() -> Path:
    path = Path(os.environ.get("OPENTIER_BINARY", ROOT / ".build/debug/opentier")).absolute()
    if not path.exists():
        _unavailable(f"there is no binary at {path}: run `swift build`, or set OPENTIER_BINARY")
    return path


def _collect(stream: IO[str], output: list[str], lines: queue.Queue[str]) -> None:
    for line in stream:
        output.append(line)
        lines.put(line)


@contextlib.contextmanager
def _running(binary: Path, directory: Path, *arguments: str, config: str = "") -> Iterator[Server]:
    """Runs `serve` in an empty directory, without the caller's settings, until the block ends."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENTIER_")}
    if config:
        (directory / "opentier.yaml").write_text(config)
    command = [str(binary), "serve", "--profile", "memory", "--port", "0", *arguments]
    process = subprocess.Popen(
        command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output: list[str] = []
    lines: queue.Queue[str] = queue.Queue()
    readers = [
        threading.Thread(target=_collect, args=(stream, output, lines), daemon=True)
        for stream in (process.stdout, process.stderr) if stream
    ]
    for reader in readers:
        reader.start()
    try:
        yield Server(_address(process, output, lines), process, output)
    finally:
        process.terminate()
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail(f"the server did not stop within {STOP_SECONDS:.0f} s of SIGTERM:\n{''.join(output)}")
        for reader in readers:
            reader.join(5)
        assert status == 0, f"the server ended with status {status}:\n{''.join(output)}"


def _address(process: subprocess.Popen[str], output: list[str], lines: queue.Queue[str]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            # JSON logs may write a slash as \/.
            match = LISTENING.search(lines.get(timeout=0.2).replace("\\/", "/"))
        except queue.Empty:
            if process.poll() is not None:
                break
            continue
        if match:
            return match[1]
    process.kill()
    pytest.fail(f"the server did not say where it listens:\n{''.join(output)}")


@pytest.fixture(scope="module")
def start_server(
    binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Server]]:
    """Starts servers that run until the module's tests are done: `start_server("--flag", config="yaml")`."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str, config: str = "") -> Server:
            directory = tmp_path_factory.mktemp("server")
            return stack.enter_context(_running(binary, directory, *arguments, config=config))

        yield start


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    """A fresh server in the `memory` profile for the tests of one module."""
    return start_server()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """An OpenAI-compatible endpoint that does what the module's tests tell it."""
    provider = Provider()
    yield provider
    provider.close()


# The production profile


@pytest.fixture(scope="session")
def postgres_binaries() -> Path:
    """The folder of PostgreSQL's programs, for tests that run a server of their own."""
    folder = os.environ.get("OPENTIER_TEST_POSTGRES_BIN")
    if not folder:
        _unavailable("there are no programs of PostgreSQL: eval \"$(scripts/postgres-server start)\"")
    return Path(folder)


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The superuser of the server that all tests share."""
    url = os.environ.get("OPENTIER_TEST_POSTGRES_URL")
    if not url:
        _unavailable("there is no PostgreSQL: eval \"$(scripts/postgres-server start)\"")
    return url


@pytest.fixture
def postgres(postgres_url: str, postgres_binaries: Path) -> Iterator[Database]:
    """A fresh database on the shared server."""
    with fresh_database(postgres_url, postgres_binaries) as database:
        yield database


@pytest.fixture
def start_replica(
    binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., support.Server]]:
    """Starts replicas of the production profile, which run until the test is done: `start_replica(database_url)`."""
    replicas: list[support.Server] = []

    def start(url: str, config: str = PRODUCTION, **environment: str) -> support.Server:
        replica = support.Server(
            binary, tmp_path_factory.mktemp("replica"), config=config, profile="production",
            environment=production(url, **environment))
        replicas.append(replica)
        return replica.start()

    try:
        yield start
        for replica in replicas:
            replica.close()
    finally:
        for replica in replicas:
            if replica.process:
                replica.kill()
