"""Replicas over one PostgreSQL, which are killed and started again."""

from __future__ import annotations

import contextlib
import secrets
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from postgres import PRODUCTION, Database, PostgresServer, database_url, production
from support import Server

CONFIG = PRODUCTION + "embedding: { threads: 1 }\nlog: { level: info, format: json }\n"


@dataclass
class Replica:
    """A server process, and when it did not listen."""

    name: str
    server: Server
    absences: list[tuple[float, float | None]] = field(default_factory=list)
    starting: threading.Thread | None = None
    restart_at: float | None = None

    @property
    def is_up(self) -> bool:
        return self.server.process is not None and self.starting is None

    def was_away(self, begun: float, ended: float) -> bool:
        """Whether it did not listen at some moment of that time."""
        return any(begun <= (back or ended) + 0.2 and gone <= ended + 0.2 for gone, back in self.absences)


class Cluster:
    """The database's server, and the replicas over one database of it."""

    def __init__(self, binary: Path, binaries: Path, folder: Path, replicas: int) -> None:
        self.violations: list[str] = []
        # What a crash may lose is what this is about: it writes through.
        self.postgres = PostgresServer(binaries, durable=True, settings="shared_buffers = '128MB'")
        self.replicas: list[Replica] = []
        try:
            self.postgres.start()
            name = f"chaos_{secrets.token_hex(4)}"
            Database(self.postgres.url, binaries).execute(f"CREATE DATABASE {name}")
            self.database = Database(database_url(self.postgres.url, name), binaries)
            for number in range(replicas):
                home = folder / f"replica-{number}"
                home.mkdir(parents=True)
                server = Server(
                    binary, home, config=CONFIG, profile="production", environment=production(self.database.url))
                self.replicas.append(Replica(f"replica {number}", server))
            for replica in self.replicas:
                replica.server.start()
        except BaseException:
            self.close()
            raise

    def kill(self, replica: Replica, restart_after: float) -> None:
        """`kill -9`."""
        now = time.monotonic()
        replica.absences.append((now, None))
        replica.server.kill()
        replica.restart_at = now + restart_after

    def restart_due(self) -> None:
        """Starts the replicas whose time has come."""
        for replica in self.replicas:
            if replica.restart_at is not None and time.monotonic() >= replica.restart_at:
                replica.restart_at = None
                replica.starting = threading.Thread(target=self._start, args=(replica,), daemon=True)
                replica.starting.start()

    def _start(self, replica: Replica) -> None:
        try:
            replica.server.start(patience=60)
        except AssertionError as problem:
            self.violations.append(f"{replica.name} does not start again: {problem}")
        replica.absences[-1] = (replica.absences[-1][0], time.monotonic())
        replica.starting = None

    def all_up(self, patience: float = 90) -> None:
        """Waits until every replica listens."""
        deadline = time.monotonic() + patience
        while any(not replica.is_up for replica in self.replicas) and time.monotonic() < deadline:
            self.restart_due()
            time.sleep(0.02)
        for replica in self.replicas:
            if not replica.is_up:
                self.violations.append(f"{replica.name} does not listen after {patience:.0f} s")

    def notice_deaths(self) -> None:
        """A replica never ends by itself."""
        for replica in self.replicas:
            process = replica.server.process
            if replica.is_up and process and (status := process.poll()) is not None:
                self.violations.append(
                    f"{replica.name} ended by itself with status {status}: {replica.server.log()[-2000:]}")
                replica.server.process = None
                replica.absences.append((time.monotonic(), None))
                replica.restart_at = time.monotonic()

    def restart_database(self, how: signal.Signals, down: float, victim: Replica | None) -> dict[str, object]:
        """Stops the database, starts it `down` seconds later, and says when each replica was ready again, in seconds
        after the database accepted connections. `victim` is killed meanwhile."""
        self.all_up()
        self.postgres.stop(how)
        stopped = time.monotonic()
        with ThreadPoolExecutor(len(self.replicas)) as pool:
            list(pool.map(self._check_without_database, self.replicas))
            if victim:
                self.kill(victim, restart_after=0)
                self.restart_due()
            time.sleep(max(0.0, stopped + down - time.monotonic()))
            away = time.monotonic() - stopped
            self.postgres.start()
            back = time.monotonic()
            ready_after = list(pool.map(lambda replica: self._ready_after(replica, back), self.replicas))
        return {
            "how": how.name, "awaySeconds": round(away, 2),
            "readyAfterSeconds": [round(seconds, 2) for seconds in ready_after]}

    def _check_without_database(self, replica: Replica) -> None:
        alive = httpx.get(f"{replica.server.url}/healthz", timeout=10).status_code
        ready = httpx.get(f"{replica.server.url}/readyz", timeout=20)
        if alive != 200 or ready.status_code != 503:
            self.violations.append(
                f"{replica.name} without a database: /healthz {alive}, /readyz {ready.status_code} {ready.text}")

    @staticmethod
    def _ready_after(replica: Replica, back: float) -> float:
        while (now := time.monotonic()) - back < 30:
            with contextlib.suppress(httpx.TransportError):
                if replica.is_up and httpx.get(f"{replica.server.url}/readyz", timeout=10).status_code == 200:
                    break
            time.sleep(0.02)
        return now - back

    def stop(self) -> None:
        """Ends all replicas in order: each ends well."""
        for replica in self.replicas:
            if replica.server.process:
                try:
                    replica.server.close()
                except AssertionError as problem:
                    self.violations.append(f"{replica.name} does not end well: {problem}")

    def close(self) -> None:
        for replica in self.replicas:
            if replica.starting:
                replica.starting.join(90)
            if replica.server.process:
                replica.server.kill()
        self.postgres.close()
