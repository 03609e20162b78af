"""PgBouncer in transaction mode in front of a PostgreSQL server, with TLS towards its clients where asked for."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from postgres import private_folder, stable_port, unprivileged


def pgbouncer_program() -> str | None:
    """Debian installs it where only root looks for programs."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@dataclass
class Authority:
    """A certificate authority of its own, which signs certificates for `localhost`."""

    folder: Path

    def __post_init__(self) -> None:
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=Tests", "-keyout", "ca.key", "-out", "ca.crt")
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
            "-keyout", "server.key", "-out", "server.csr")
        (self.folder / "extensions").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
        self._openssl(
            "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "extensions", "-out", "server.crt")

    def _openssl(self, *arguments: str) -> None:
        run = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, run.stderr

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"


@dataclass
class PgBouncer:
    """A pooler of a few server connections for all databases of one server."""

    server: str
    pool: int = 2
    tls: bool = False
    port: int = field(default_factory=stable_port)
    folder: Path = field(default_factory=lambda: private_folder("pgbouncer"))
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> PgBouncer:
        target = urlsplit(self.server)
        assert target.username and target.hostname
        password = unquote(target.password or "")
        users = self.folder / "users"
        users.write_text(f'"{target.username}" "{password}"\n')
        lines = [
            "[databases]", f"* = host={target.hostname} port={target.port}", "[pgbouncer]", "pool_mode = transaction",
            "listen_addr = 127.0.0.1", f"listen_port = {self.port}", "unix_socket_dir =", f"auth_file = {users}",
            f"auth_type = {'scram-sha-256' if password else 'trust'}", f"default_pool_size = {self.pool}",
            "max_client_conn = 200", f"logfile = {self.folder / 'log'}"]
        if self.tls:
            Authority(self.folder)
            lines += [
                "client_tls_sslmode = require", f"client_tls_key_file = {self.folder / 'server.key'}",
                f"client_tls_cert_file = {self.folder / 'server.crt'}"]
        settings = self.folder / "pgbouncer.ini"
        settings.write_text("\n".join(lines) + "\n")
        if unprivileged():
            for path in self.folder.iterdir():
                shutil.chown(path, "nobody")
        program = pgbouncer_program()
        assert program
        self.process = subprocess.Popen(
            [program, "-q", settings], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, **unprivileged())
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return self
            assert self.process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def url(self, database: str, query: str = "") -> str:
        """A database of the server by way of the pooler, in the name of the server's own URL."""
        target = urlsplit(self.server)
        credentials = target.netloc.rpartition("@")[0]
        host = "localhost" if self.tls else "127.0.0.1"
        name = urlsplit(database).path
        return urlunsplit(("postgresql", f"{credentials}@{host}:{self.port}", name, query, ""))

    def verified(self, database: str) -> str:
        """The same over TLS, which the client holds against the authority."""
        return self.url(database, f"sslmode=verify-full&sslrootcert={self.folder / 'ca.crt'}")

    def close(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def pooling(server: str, **settings: object) -> Iterator[PgBouncer]:
    """A pooler that runs until the block ends."""
    pooler = PgBouncer(server, **settings)  # type: ignore[arg-type]
    try:
        yield pooler.start()
    finally:
        pooler.close()
