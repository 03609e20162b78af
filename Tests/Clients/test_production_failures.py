"""What goes wrong with PostgreSQL is said clearly, and passes when PostgreSQL is back."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from postgres import (
    DRIVER_TEXT, PRODUCTION, Database, PostgresServer, administrator, command, database_url, own_postgres, production,
)
from support import PASSWORD, Account, Server, error_of, send_raw
from test_production import NO_MODEL, readiness

# Quick refusals: nothing that these tests start comes up later.
IMPATIENT = PRODUCTION + "database: { startTimeout: 1s, connectTimeout: 2s, checkoutTimeout: 2s }\n"
BACK_SECONDS = 5.0
# `database.outageTolerance` as it is by default.
OUTAGE_TOLERANCE_SECONDS = 2.0


def refusal(binary: Path, folder: Path, url: str, status: int, *words: str, **environment: str) -> str:
    """Starts a server that must not start: one clear line, none of it the driver's or secret."""
    (folder / "opentier.yaml").write_text(IMPATIENT)
    run = command(
        binary, folder, "serve", "--port", "0", environment=production(url, **NO_MODEL, **environment), status=status)
    assert run.stdout == ""
    said = [line for line in run.stderr.splitlines() if not line.startswith("{")]
    assert len(said) == 1, run.stderr
    for word in words:
        assert re.search(word, said[0]), f"{word!r} is not in: {said[0]}"
    assert not DRIVER_TEXT.search(said[0]), said[0]
    secret = re.search(r"//[^:/@]*:([^@]+)@", url)
    assert secret is None or secret[1] not in run.stdout + run.stderr
    return said[0]


@pytest.fixture(scope="module")
def strict(postgres_binaries: Path) -> Iterator[PostgresServer]:
    """A server that asks for passwords."""
    with own_postgres(postgres_binaries) as server:
        yield server


def test_a_wrong_password_is_told(binary: Path, tmp_path: Path, strict: PostgresServer) -> None:
    wrong = strict.url.replace(strict.password, "a-secret-that-is-wrong")
    refusal(binary, tmp_path, wrong, 5, "password", "postgres")


def test_an_unknown_login_is_told_like_a_wrong_password(
    binary: Path, tmp_path: Path, strict: PostgresServer
) -> None:
    refusal(binary, tmp_path, strict.url.replace("//postgres:", "//nobody-here:"), 5, "password", "nobody-here")


def test_an_unknown_database_is_told(binary: Path, tmp_path: Path, strict: PostgresServer) -> None:
    refusal(binary, tmp_path, database_url(strict.url, "not_made_yet"), 5, "not_made_yet")


def test_a_server_that_is_not_there_is_told(binary: Path, tmp_path: Path) -> None:
    refusal(binary, tmp_path, "postgresql://ada:hush-hush@127.0.0.1:9/opentier", 5, r"127\.0\.0\.1", "9")


def test_a_host_that_does_not_exist_is_told(binary: Path, tmp_path: Path) -> None:
    refusal(binary, tmp_path, "postgresql://ada:hush-hush@database.invalid/opentier", 5, r"database\.invalid")


def test_a_server_without_pgvector_is_told(binary: Path, tmp_path: Path, postgres_binaries: Path) -> None:
    with own_postgres(postgres_binaries, vector=False) as server:
        refusal(binary, tmp_path, server.url, 1, "pgvector")
        # Nothing of the schema was kept.
        assert Database(server.url, server.binaries).rows(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'") == []


@pytest.fixture
def migrated(postgres: Database, binary: Path, tmp_path: Path) -> Database:
    """A database that the binary has migrated."""
    command(binary, tmp_path, "migrate", "up", environment=production(postgres.url))
    return postgres


def test_a_database_that_is_newer_than_the_binary_is_told(binary: Path, tmp_path: Path, migrated: Database) -> None:
    migrated.execute("""
        INSERT INTO schema_migrations
        SELECT later.* FROM schema_migrations AS one,
          jsonb_populate_record(one, '{"name": "29990101000000_later"}') AS later LIMIT 1
        """)
    refusal(binary, tmp_path, migrated.url, 1, "newer", "29990101000000_later")
    run = command(binary, tmp_path, "migrate", "up", environment=production(migrated.url), status=1)
    assert "29990101000000_later" in run.stderr and not DRIVER_TEXT.search(run.stderr)


def test_a_migration_that_was_changed_is_told(binary: Path, tmp_path: Path, migrated: Database) -> None:
    [(name,)] = migrated.rows("SELECT min(name) FROM schema_migrations")
    migrated.execute(f"UPDATE schema_migrations SET checksum = reverse(checksum) WHERE name = '{name}'")
    refusal(binary, tmp_path, migrated.url, 1, "changed", name)


def test_a_schema_that_is_not_migrated_is_told_where_migrations_are_applied_by_hand(
    binary: Path, tmp_path: Path, postgres: Database
) -> None:
    refusal(binary, tmp_path, postgres.url, 2, "opentier migrate up", OPENTIER_DATABASE_MIGRATIONS="manual")
    assert postgres.rows("SELECT tablename FROM pg_tables WHERE tablename = 'users'") == []


def test_doctor_says_what_is_there_and_what_to_do(binary: Path, tmp_path: Path, postgres: Database) -> None:

    def findings(url: str) -> dict[str, dict[str, Any]]:
        run = command(binary, tmp_path, "doctor", "--json", environment=production(url))
        assert not DRIVER_TEXT.search(run.stdout), run.stdout
        return {item["name"]: item for item in json.loads(run.stdout)}

    empty = findings(postgres.url)
    assert empty["database server"]["ok"] and "opentier migrate up" in empty["database schema"]["detail"]
    command(binary, tmp_path, "migrate", "up", environment=production(postgres.url))
    migrated = findings(postgres.url)
    names = ["database server", "pgvector", "database roles", "row security", "database schema", "database pool"]
    assert [name for name in names if not migrated[name]["ok"]] == []
    assert "data folder" not in migrated
    away = findings("postgresql://ada:hush-hush@127.0.0.1:9/opentier")
    assert not away["database server"]["ok"] and "127.0.0.1:9" in away["database server"]["detail"]
    assert "hush-hush" not in json.dumps(away)


@pytest.fixture
def outage(
    postgres_binaries: Path, start_replica: Callable[..., Server]
) -> Iterator[tuple[PostgresServer, Server, Account]]:
    """A server of PostgreSQL that may be stopped, with one replica that an admin is signed in to."""
    with own_postgres(postgres_binaries, durable=True) as server:
        replica = start_replica(server.url, config=IMPATIENT)
        ada = administrator(replica)
        ada.publish("Quolls", "The quoll is spotted.")
        yield server, replica, ada
        replica.close()


def requests_without_database(ada: Account) -> list[tuple[str, httpx.Response]]:
    """Every kind of request, one after the other."""
    credentials = {"email": "ada@example.org", "password": PASSWORD}
    paths = [
        ("GET", "/auth/me", None), ("POST", "/auth/signin", credentials),
        ("POST", "/auth/signup", credentials | {"email": "new@example.org", "displayName": "New"}),
        ("POST", "/submissions", {"title": "Lost", "text": "It is not acknowledged."}), ("GET", "/documents", None),
        ("POST", "/search", {"query": "quoll"}), ("POST", "/chat", {"message": "What is spotted?"}),
        ("GET", "/conversations", None),
    ]
    with ada.client(timeout=20) as client:
        return [(path, client.request(method, path, json=body)) for method, path, body in paths]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_while_the_database_is_away_clients_are_told_and_then_all_is_well_again(
    outage: tuple[PostgresServer, Server, Account], how: signal.Signals
) -> None:
    server, replica, ada = outage
    server.stop(how)
    begun = time.monotonic()
    refused = requests_without_database(ada)
    took = time.monotonic() - begun
    for path, answer in refused:
        message = error_of(answer, 503, "unavailable")
        assert not DRIVER_TEXT.search(answer.text) and server.password not in answer.text, (path, message)
        assert str(server.port) not in answer.text
    print(f"8 requests were refused in {took:.2f} s")
    # The first waits, as it might be a restart; the others know better.
    assert took < OUTAGE_TOLERANCE_SECONDS + 2
    status, checks = readiness(replica)
    assert status == 503 and checks["storage"]["state"] == "failed"
    detail = checks["storage"]["detail"]
    assert detail and server.password not in detail and not DRIVER_TEXT.search(detail), detail
    assert httpx.get(f"{replica.url}/healthz", timeout=30).json() == {"status": "ok"}
    time.sleep(2)
    server.start()
    back = time.monotonic()
    while readiness(replica)[0] != 200:
        assert time.monotonic() - back < 3 * BACK_SECONDS, "it does not get ready again"
        time.sleep(0.02)
    ready = time.monotonic() - back
    ada.call("GET", "/auth/me")
    job = ada.publish("Back", "The numbat is back.")
    assert ada.search("numbat")[0]["documentId"] == job["documentId"]
    print(f"ready {ready:.2f} s after PostgreSQL was, indexed again {time.monotonic() - back:.2f} s after")
    assert ready < BACK_SECONDS
    assert replica.process and replica.process.poll() is None
    assert server.password not in replica.log()


def test_a_connection_that_is_lost_in_mid_request_is_not_seen_by_clients(
    postgres: Database, start_replica: Callable[..., Server]
) -> None:
    replica = start_replica(postgres.url)
    ada = administrator(replica)
    ada.publish("Quolls", "The quoll is spotted.")
    stop = threading.Event()
    killed = 0

    def cut() -> None:
        nonlocal killed
        while not stop.wait(0.1):
            killed += int(postgres.value(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"))

    cutter = threading.Thread(target=cut)
    cutter.start()
    told = 0
    try:
        with ada.client() as client:
            for number in range(60):
                answer = client.post("/search", json={"query": "quoll", "mode": "SEARCH_MODE_LEXICAL"})
                if answer.status_code == 200:
                    assert answer.json()["hits"][0]["title"] == "Quolls"
                else:
                    error_of(answer, 503, "unavailable")
                    assert not DRIVER_TEXT.search(answer.text)
                    told += 1
                made = client.post("/conversations", json={"title": f"Number {number}"})
                if made.status_code != 200:
                    error_of(made, 503, "unavailable")
                    assert not DRIVER_TEXT.search(made.text)
                    told += 1
                time.sleep(0.02)
    finally:
        stop.set()
        cutter.join()
    print(f"{killed} connections cut, {told} of 120 requests answered unavailable")
    # A read is tried again on another connection: cuts every 0.1 s rarely hit twice.
    assert killed >= 10 and told <= 30
    ada.call("GET", "/auth/me")


def test_a_client_that_leaves_a_stream_cancels_its_query_on_the_server(
    postgres: Database, start_replica: Callable[..., Server]
) -> None:
    replica = start_replica(postgres.url)
    ada = administrator(replica)
    with subprocess.Popen(
        [postgres.binaries / "psql", "-qAt", "-d", postgres.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True) as holder:
        # A lock that the request has to wait for.
        assert holder.stdin and holder.stdout
        holder.stdin.write("BEGIN; LOCK TABLE conversations IN ACCESS EXCLUSIVE MODE; SELECT 'held';\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        body = b'{"message": "What is spotted?"}'
        head = (
            "POST /api/v1/chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {ada.token}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        leaver = threading.Thread(target=send_raw, args=(replica, head, body), kwargs={"patience": 1})
        leaver.start()
        deadline = time.monotonic() + 10
        while postgres.value(waiting) == 0:
            assert time.monotonic() < deadline, "the request does not wait for the lock"
        leaver.join()
        left = time.monotonic()
        while postgres.value(waiting):
            assert time.monotonic() - left < 5, "the query goes on although nobody waits for it"
            time.sleep(0.01)
        print(f"the query was gone {1000 * (time.monotonic() - left):.0f} ms after the client")
        holder.stdin.write("ROLLBACK;\n")
    ada.call("GET", "/conversations")
