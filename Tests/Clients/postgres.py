"""PostgreSQL for the tests: databases on the server that all tests share, and servers of a test's own that may be
stopped, killed and started again."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from support import QUICK, Account, Server, clean_environment

# A replica that waits for nothing longer than a test should.
# Nor is it limited: one account of a test asks more than a person does.
UNLIMITED = "quotas: { user: { requestsPerMinute: 0, concurrentStreams: 0, tokensPerDay: 0, firstDayRequests: 0 } }\n"
PRODUCTION = QUICK + UNLIMITED + "ingestion: { lease: 3s, maximumAttempts: 100 }\n"
# What the server or its client library say, which only an operator's log may hold.
DRIVER_TEXT = re.compile(
    r"FATAL:|ERROR:|DETAIL:|HINT:|SQLSTATE|libpq|\bPQ[a-z]|connection to server|server closed the connection|"
    r"terminating connection|relation \"|syntax error|pg_hba|SCRAM", re.IGNORECASE)


def database_url(server: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


@dataclass
class Database:
    """A database, seen by the superuser of its server."""

    url: str
    binaries: Path

    def psql(self, statements: str) -> str:
        run = subprocess.run(
            [self.binaries / "psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", self.url],
            input=statements, capture_output=True, text=True, timeout=120, env=clean_environment())
        if run.returncode:
            raise RuntimeError(run.stderr)
        return run.stdout

    def execute(self, statements: str) -> None:
        self.psql(statements)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query as JSON has them: bytea is `\\x…`, a time is text."""
        found = self.psql(f"SELECT coalesce(json_agg(t), '[]') FROM ({query}) AS t")
        return [tuple(row.values()) for row in json.loads(found)]

    def value(self, query: str) -> Any:
        [(value,)] = self.rows(query)
        return value


@contextlib.contextmanager
def fresh_database(server: str, binaries: Path, options: str = "") -> Iterator[Database]:
    """An empty database, which is dropped at the end whoever is still connected."""
    name = f"clients_{secrets.token_hex(8)}"
    administration = Database(server, binaries)
    administration.execute(f"CREATE DATABASE {name} {options}")
    try:
        yield Database(database_url(server, name), binaries)
    finally:
        administration.execute(f"DROP DATABASE {name} WITH (FORCE)")


def unprivileged() -> dict[str, Any]:
    """How a program is started that refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": "nogroup", "extra_groups": []}


def private_folder(purpose: str) -> Path:
    """A folder that such a program may write in; its path is short, as a Unix socket's must be."""
    for parent in (os.environ.get("TMPDIR", "/tmp"), "/tmp"):
        folder = Path(tempfile.mkdtemp(prefix=f"opentier-{purpose}-", dir=parent))
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        if len(str(folder)) <= 80 and not subprocess.run(["test", "-w", folder], **unprivileged()).returncode:
            return folder
        folder.rmdir()
    raise RuntimeError("an unprivileged user can write neither below TMPDIR nor below /tmp")


def stable_port() -> int:
    """A free port that the system gives to no one who asks for any port, so that it is still free after a restart."""
    low = 32768
    with contextlib.suppress(OSError):
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(10_000, max(low, 20_000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class PostgresServer:
    """A server of its own, which asks for passwords.

    `durable` writes through to the disk, as tests must that kill it. The programs come from `binaries`; `vector` leaves
    pgvector out of them.
    """

    binaries: Path
    durable: bool = False
    vector: bool = True
    settings: str = ""
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    port: int = field(default_factory=stable_port)
    folder: Path = field(default_factory=lambda: private_folder("postgres"))
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        try:
            self._make()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _make(self) -> None:
        home = self.binaries.parent
        readable = subprocess.run(["test", "-x", self.binaries / "postgres"], **unprivileged()).returncode == 0
        self.programs = self.binaries
        if not self.vector or not readable:
            # Programs find their libraries and extensions by their own place.
            copy = self.folder / "programs" / home.parent.name / home.name
            ignored = shutil.ignore_patterns() if self.vector else shutil.ignore_patterns("vector*")
            shutil.copytree(home, copy, symlinks=True, ignore=ignored)
            libraries = home.parent.parent / f"{home.parent.name}.libs"
            if libraries.exists():
                shutil.copytree(libraries, self.folder / "programs" / libraries.name)
            self.programs = copy / "bin"
        password = self.folder / "password"
        password.write_text(self.password)
        password.chmod(0o644)
        run = subprocess.run(
            [self.programs / "initdb", "-D", self.data, "-U", "postgres", "--pwfile", password, "--auth",
             "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"],
            cwd="/", capture_output=True, text=True, timeout=120, **unprivileged())
        password.unlink()
        assert run.returncode == 0, run.stderr
        quick = "" if self.durable else "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(
                f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = '{self.folder}'\n"
                "max_connections = 200\nshared_buffers = '64MB'\ndynamic_shared_memory_type = mmap\n"
                f"timezone = 'UTC'\nlog_min_messages = fatal\n{quick}{self.settings}\n")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self, patience: float = 60) -> PostgresServer:
        """Starts it and waits until it accepts connections."""
        deadline = time.monotonic() + patience
        ready = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, timeout=patience).returncode:
            # Right after a kill -9 the backends hold its shared memory for a moment, and a start is refused.
            if self.process is None or self.process.poll() is not None:
                with (self.folder / "log").open("ab") as log:
                    self.process = subprocess.Popen(
                        [self.programs / "postgres", "-D", self.data], cwd="/", stdin=subprocess.DEVNULL, stdout=log,
                        stderr=log, start_new_session=True, **unprivileged())
            assert time.monotonic() < deadline, f"PostgreSQL does not start:\n{self.log()}"
            time.sleep(0.05)
        return self

    def stop(self, with_signal: signal.Signals = signal.SIGINT, patience: float = 60) -> None:
        """Ends it: SIGINT is its fast shutdown, SIGQUIT the immediate one, SIGKILL leaves its backends to notice."""
        assert self.process
        self.process.send_signal(with_signal)
        self.process.wait(patience)
        self.process = None

    def close(self) -> None:
        if self.process:
            self.stop(signal.SIGQUIT)
        # Backends of one that was killed may still write for a moment.
        deadline = time.monotonic() + 10
        while self.folder.exists():
            shutil.rmtree(self.folder, ignore_errors=time.monotonic() < deadline)


@contextlib.contextmanager
def own_postgres(binaries: Path, **settings: Any) -> Iterator[PostgresServer]:
    """A server that runs until the block ends."""
    server = PostgresServer(binaries, **settings)
    try:
        yield server.start()
    finally:
        server.close()


def production(url: str, **more: str) -> dict[str, str]:
    """The environment in which `opentier` works on a database."""
    return {"OPENTIER_PROFILE": "production", "OPENTIER_DATABASE_URL": url} | more


def command(
    binary: Path, folder: Path, *arguments: str | Path, environment: dict[str, str], status: int | None = 0,
    patience: float = 120
) -> subprocess.CompletedProcess[str]:
    """Runs `opentier` without a terminal; `status` is the expected one."""
    run = subprocess.run(
        [binary, *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patience,
        env=clean_environment(**environment))
    assert status is None or run.returncode == status, (
        f"{arguments} ended with {run.returncode}:\n{run.stdout}\n{run.stderr}")
    return run


def grant(server: Server, email: str, role: str = "admin") -> None:
    """Gives a role at the command line, as in production even the first account needs."""
    command(
        server.binary, server.folder, "users", "grant", email, role,
        environment=server.environment | {"OPENTIER_PROFILE": server.profile, "OPENTIER_DATA": str(server.data)})


def administrator(server: Server, name: str = "ada") -> Account:
    """Signs up, grants, and signs in again, for a grant ends the sessions with the old role."""
    account = server.sign_up(name)
    grant(server, account.user["email"])
    return server.sign_in(account.user["email"])
