"""The production profile: several replicas over one PostgreSQL are one service."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from postgres import PRODUCTION, Database, administrator, command, grant, production
from support import UNTIL_FORGOTTEN, Account, Server, check_quotations, error_of

TEXT = (
    "# Gletscher 🏔️\n\nDer Gletscher fließt bergab — auch wenn es niemand sieht.\n\n"
    "The Perito Moreno glacier advances about 2 metres per day 🧊, while the Aletsch glacier moves roughly 200 metres "
    "per year.\n"
)
QUESTION = "How fast does the Perito Moreno glacier advance?"
NO_MODEL = {"OPENTIER_EMBEDDING_MODEL_DIRECTORY": "/var/empty/no-model"}
REPLICAS_AT_ONCE = 10


def readiness(server: Server) -> tuple[int, dict[str, dict[str, Any]]]:
    """The status of `/readyz`, and its checks by name."""
    answer = httpx.get(f"{server.url}/readyz", timeout=30)
    return answer.status_code, {check["name"]: check for check in answer.json()["checks"]}


def has_model(server: Server) -> bool:
    """Whether the embedding model is there, once it is loaded."""
    deadline = time.monotonic() + 60
    while True:
        check = readiness(server)[1]["embedder"]
        if check["state"] == "ok" or "being loaded" not in check.get("detail", ""):
            return check["state"] == "ok"
        assert time.monotonic() < deadline, check
        time.sleep(0.05)


def test_the_main_job_goes_over_three_replicas(
    postgres: Database, start_replica: Callable[..., Server]
) -> None:
    a, b, c = (start_replica(postgres.url) for _ in range(3))
    # In production nobody is an admin by being first.
    newcomer = a.sign_up("ada")
    assert newcomer.user["role"] == "USER_ROLE_USER"
    newcomer.at(b).call("POST", "/submissions", status=403, json={"title": "No", "text": "Not yet."})
    grant(a, "ada@example.org")
    time.sleep(UNTIL_FORGOTTEN)
    newcomer.at(c).call("GET", "/auth/me", status=401)
    ada = b.sign_in("ADA@example.org")
    assert ada.user["role"] == "USER_ROLE_ADMIN"

    job = ada.at(c).approve(ada.submit("Gletscher 🏔️", TEXT, metadata={"tags": ["ice"]}))
    followed = ada.at(a).stream("GET", f"/jobs/{job}/events")
    assert followed[-1].name == "completed" and followed[-1].data["state"] == "JOB_STATE_INDEXED"
    done = followed[-1].data
    assert all(ada.at(replica).call("GET", f"/jobs/{job}")["job"] == done for replica in (a, b, c))
    assert ada.at(c).text(done["documentId"]) == TEXT.encode()

    reply = ada.at(a).ask(QUESTION, filters={"tags": ["ice"]})
    assert reply.end.data["finishReason"] == "stop" and "2 metres per day" in reply.text
    assert [item["documentId"] for item in reply.citations] == [done["documentId"]]
    check_quotations(ada.at(c), reply.citations + reply.sources)
    modes = ["LEXICAL", "HYBRID", *(["SEMANTIC"] if has_model(a) else [])]
    for replica in (a, b, c):
        has_model(replica)
        for mode in modes:
            hits = ada.at(replica).search("glacier advancing each day", mode=f"SEARCH_MODE_{mode}")
            assert hits and hits[0]["documentId"] == done["documentId"], mode
            assert hits[0]["submittedBy"] == hits[0]["approvedBy"] == "Ada"
            check_quotations(ada.at(replica), hits)

    conversation = reply.started["conversationId"]
    stored = ada.at(c).messages(conversation)
    assert [message["role"] for message in stored] == ["MESSAGE_ROLE_USER", "MESSAGE_ROLE_ASSISTANT"]
    assert stored[1]["content"] == reply.text and stored[1]["citations"] == reply.citations
    second = ada.ask("And the Aletsch glacier?", conversationId=conversation)
    messages = {message["id"]: message for message in ada.at(a).messages(conversation)}
    assert messages[second.started["userMessageId"]]["parentId"] == reply.started["messageId"]

    other = c.sign_up("bob")
    assert other.at(a).search("Perito Moreno")[0]["documentId"] == done["documentId"]
    other.at(b).call("GET", f"/conversations/{conversation}/messages", status=404)
    ada.at(a).call("POST", "/auth/signout")
    ada.at(a).call("GET", "/auth/me", status=401)
    time.sleep(UNTIL_FORGOTTEN)
    for replica in (a, b, c):
        ada.at(replica).call("GET", "/auth/me", status=401)
    other.at(b).call("GET", "/auth/me")


def test_a_document_is_revised_on_one_replica_and_deleted_on_another(
    postgres: Database, start_replica: Callable[..., Server]
) -> None:
    a, b = (start_replica(postgres.url) for _ in range(2))
    ada = administrator(a)
    source = "https://wiki.example.org/crew"
    first = ada.publish("Crew", "The crew of the zeppelin numbers forty.", sourceUri=source)
    between = ada.at(b).call("GET", f"/documents/{first['documentId']}")["document"]["updatedAt"]
    second = ada.at(b).publish("Crew", "The crew of the zeppelin numbers fifty.", sourceUri=source)
    assert second["documentId"] == first["documentId"] and second["revisionId"] != first["revisionId"]
    for replica in (a, b):
        assert "fifty" in ada.at(replica).search("zeppelin crew")[0]["text"]
        assert "forty" in ada.at(replica).search("zeppelin crew", asOf=between)[0]["text"]
        assert ada.at(replica).search("zeppelin crew", asOf="2020-01-01T00:00:00Z") == []
        old = ada.at(replica).ask("How many are the crew of the zeppelin?", asOf=between)
        assert "forty" in old.text
        check_quotations(ada.at(replica), old.citations)
    again = ada.publish("Crew", "The crew of the zeppelin numbers fifty.", sourceUri=source)
    assert again["revisionId"] == second["revisionId"]
    ada.at(b).call("DELETE", f"/documents/{first['documentId']}")
    assert ada.search("zeppelin crew") == []
    ada.call("GET", f"/documents/{first['documentId']}", status=404)
    kinds = [kind for (kind,) in postgres.rows("SELECT kind FROM outbox ORDER BY position")]
    assert kinds == [
        *["submission.created", "submission.approved", "document.published"],
        *["submission.created", "submission.approved", "document.revised"],
        *["submission.created", "submission.approved"], "document.deleted"]


def test_many_clients_at_once_get_right_answers_from_every_replica(
    postgres: Database, start_replica: Callable[..., Server]
) -> None:
    # Fewer connections than clients: they wait for their turn.
    config = PRODUCTION + "database: { maximumConnections: 3, minimumConnections: 0 }\n"
    replicas = [start_replica(postgres.url, config=config) for _ in range(2)]
    ada = administrator(replicas[0])
    problems: list[str] = []

    def work(number: int) -> None:
        try:
            mine = ada.at(replicas[number % 2])
            job = mine.publish(f"Text {number}", f"The marker{number} stands here alone.")
            [hit] = ada.at(replicas[(number + 1) % 2]).search(f"marker{number}")
            assert hit["documentId"] == job["documentId"], hit
            check_quotations(mine, [hit])
        except Exception as problem:
            problems.append(f"{number}: {problem!r}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not problems
    assert postgres.value("SELECT count(*) FROM documents") == 16


def test_ten_replicas_that_start_at_once_on_an_empty_database_apply_each_migration_once(
    postgres: Database, binary: Path, tmp_path: Path
) -> None:
    # Whatever makes a table is written down, also by those that come second.
    postgres.execute("""
        CREATE SCHEMA observer;
        CREATE TABLE observer.commands (what text, transaction bigint);
        CREATE FUNCTION observer.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
          INSERT INTO observer.commands SELECT object_identity, txid_current() FROM pg_event_trigger_ddl_commands()
          WHERE command_tag = 'CREATE TABLE';
        END $$;
        CREATE EVENT TRIGGER note ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
          EXECUTE FUNCTION observer.note();
        """)
    replicas = []
    for number in range(REPLICAS_AT_ONCE):
        folder = tmp_path / str(number)
        folder.mkdir()
        replicas.append(Server(
            binary, folder, config=PRODUCTION + "database: { startTimeout: 120s }\n", profile="production",
            environment=production(postgres.url, **NO_MODEL)))
    problems: list[str] = []

    def start(replica: Server) -> None:
        try:
            replica.start(patience=180)
        except AssertionError as problem:
            problems.append(str(problem))

    threads = [threading.Thread(target=start, args=(replica,)) for replica in replicas]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not problems
        assert all(readiness(replica)[0] == 200 for replica in replicas)
        made = postgres.rows("SELECT what, count(DISTINCT transaction) FROM observer.commands GROUP BY what")
        assert len(made) > 20 and [what for what, times in made if times != 1] == []
        status = command(binary, tmp_path, "migrate", "status", "--json", environment=production(postgres.url))
        assert '"appliedAt":null' not in status.stdout.replace(" ", "")
        first, last = administrator(replicas[0]), replicas[-1]
        assert first.at(last).call("GET", "/auth/me")["user"]["role"] == "USER_ROLE_ADMIN"
    finally:
        for replica in replicas:
            if replica.process:
                replica.process.terminate()
        for replica in replicas:
            if replica.process:
                replica.close()


def test_a_login_that_owns_nothing_serves_and_another_migrates(
    postgres: Database, postgres_url: str, postgres_binaries: Path, binary: Path, tmp_path: Path,
    start_replica: Callable[..., Server]
) -> None:
    login, password = f"server_{secrets.token_hex(6)}", secrets.token_hex(12)
    administration = Database(postgres_url, postgres_binaries)
    administration.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{password}' NOSUPERUSER NOBYPASSRLS")
    host = postgres.url.rsplit("@", 1)[1]
    plain = f"postgresql://{login}:{password}@{host}"
    try:
        command(binary, tmp_path, "migrate", "up", environment=production(postgres.url))
        administration.execute(f"GRANT opentier_app TO {login}")
        server = start_replica(plain, OPENTIER_DATABASE_MIGRATION_URL=postgres.url)
        ada = administrator(server)
        job = ada.publish("Wombats", "The wombat digs tunnels of thirty metres.")
        reply = ada.ask("How long are the tunnels of the wombat?")
        assert "thirty" in reply.text and reply.citations[0]["documentId"] == job["documentId"]
        check_quotations(ada, reply.citations)
        # Behind the application's back the login sees nothing, for it has no tenant, and may change no schema.
        seen = Database(plain, postgres_binaries)
        for table in ("users", "documents", "chat_messages", "organizations"):
            assert seen.value(f"SELECT count(*) FROM {table}") == 0
            with pytest.raises(RuntimeError, match="must be owner"):
                seen.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        with pytest.raises(RuntimeError, match="permission denied|must be"):
            seen.execute("SET ROLE opentier_system")
        assert password not in server.log()
        server.close()
    finally:
        administration.execute(
            f"REVOKE opentier_app FROM {login}; DROP ROLE {login}")


def test_a_second_account_with_the_same_address_is_refused_by_every_replica(
    postgres: Database, start_replica: Callable[..., Server]
) -> None:
    a, b = (start_replica(postgres.url) for _ in range(2))
    answers: list[httpx.Response] = []

    def sign_up(server: Server) -> None:
        body = {"email": "eve@example.org", "password": "correct horse battery", "displayName": "Eve"}
        answers.append(httpx.post(f"{server.url}/api/v1/auth/signup", json=body, timeout=30))

    threads = [threading.Thread(target=sign_up, args=(server,)) for server in (a, b) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    for answer in answers:
        if answer.status_code == 409:
            error_of(answer, 409, "already_exists")
    assert postgres.value("SELECT count(*) FROM users") == 1


def test_an_operator_works_beside_the_replicas(
    postgres: Database, binary: Path, tmp_path: Path, start_replica: Callable[..., Server]
) -> None:
    server = start_replica(postgres.url)
    ada = administrator(server)
    environment = production(postgres.url)
    (tmp_path / "a.txt").write_text("The thylacine was last seen in Hobart.")
    assert command(binary, tmp_path, "ingest", "a.txt", environment=environment).stdout == "1 of 1 ingested, 0 failed\n"
    [hit] = ada.search("thylacine")
    assert hit["text"] == "The thylacine was last seen in Hobart."
    ada.publish("Dingo", "The dingo came later.")
    assert "dingo" in command(binary, tmp_path, "search", "dingo", environment=environment).stdout
    assert "Hobart" in command(
        binary, tmp_path, "ask", "Where was the thylacine last seen?", environment=environment).stdout
    assert "ada@example.org" in command(binary, tmp_path, "users", "list", environment=environment).stdout


def test_sigterm_hands_a_running_job_to_another_replica(
    postgres: Database, start_replica: Callable[..., Server]
) -> None:
    a = start_replica(postgres.url)
    ada = administrator(a)
    text = "".join(f"Paragraph {number} is about vortices and wakes behind bodies.\n\n" for number in range(600))
    job = ada.approve(ada.submit("Long", text))
    with ada.open_stream(f"/jobs/{job}/events", None) as watched:
        for event in watched:
            if event.data["state"] in ("JOB_STATE_CHUNKING", "JOB_STATE_EMBEDDING"):
                break
    assert a.terminate() == 0
    state, attempts, owner = postgres.rows("SELECT state, attempts, lease_owner FROM ingestion_jobs")[0]
    assert (state, owner) == ("queued", None) and attempts <= 1
    b = start_replica(postgres.url)
    begun = time.monotonic()
    finished: Account = ada.at(b)
    assert finished.finished(job, patience=300)["state"] == "JOB_STATE_INDEXED"
    print(f"another replica finished the job {time.monotonic() - begun:.1f} s after its own start")
    assert postgres.value("SELECT count(*) FROM document_revisions") == 1
