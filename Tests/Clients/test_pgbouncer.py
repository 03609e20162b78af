"""Behind PgBouncer in transaction mode nothing of one transaction is left for the next, whoever it is for."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from pgbouncer import Authority, PgBouncer, pgbouncer_program, pooling
from postgres import Database, administrator
from resuming import begin, check_whole, message_of, patient, recites, resume
from support import Account, Provider, Server, check_quotations
from test_production import NO_MODEL, QUESTION, TEXT
from test_production_failures import refusal

ROUNDS = 12


@pytest.fixture(scope="module", autouse=True)
def programs(unavailable: Callable[[str], NoReturn]) -> None:
    """Only where there are PgBouncer and OpenSSL."""
    if not pgbouncer_program() or not shutil.which("openssl"):
        unavailable("there is no pgbouncer or no openssl: run scripts/bootstrap --tests")


@pytest.fixture(scope="module")
def pooler(postgres_url: str) -> Iterator[PgBouncer]:
    with pooling(postgres_url) as pooler:
        yield pooler


@pytest.fixture(scope="module")
def tls_pooler(postgres_url: str) -> Iterator[PgBouncer]:
    with pooling(postgres_url, tls=True) as pooler:
        yield pooler


def main_job(a: Server, b: Server) -> Account:
    ada = administrator(a)
    job = ada.at(b).finished(ada.approve(ada.submit("Gletscher 🏔️", TEXT)))
    assert job["state"] == "JOB_STATE_INDEXED", job
    reply = ada.ask(QUESTION)
    assert "2 metres per day" in reply.text and reply.citations[0]["documentId"] == job["documentId"]
    check_quotations(ada.at(b), reply.citations + reply.sources)
    for mode in ("LEXICAL", "HYBRID"):
        hits = ada.at(b).search("glacier", mode=f"SEARCH_MODE_{mode}")
        assert hits[0]["documentId"] == job["documentId"]
        check_quotations(ada, hits)
    assert len(ada.at(b).messages(reply.started["conversationId"])) == 2
    return ada


def test_the_main_job_goes_through_a_pooler(
    postgres: Database, pooler: PgBouncer, start_replica: Callable[..., Server]
) -> None:
    # Jobs are found by looking now and then, should nobody be told of them: a pooler does not pass LISTEN on.
    main_job(*(start_replica(pooler.url(postgres.url)) for _ in range(2)))


def test_the_main_job_goes_through_tls_with_a_verified_certificate(
    postgres: Database, tls_pooler: PgBouncer, start_replica: Callable[..., Server]
) -> None:
    main_job(*(start_replica(tls_pooler.verified(postgres.url)) for _ in range(2)))


def test_a_certificate_of_another_authority_is_refused(
    postgres: Database, tls_pooler: PgBouncer, binary: Path, tmp_path: Path
) -> None:
    url = tls_pooler.url(postgres.url, f"sslmode=verify-full&sslrootcert={Authority(tmp_path).certificate}")
    refusal(binary, tmp_path, url, 5, "certificate")
    missing = tls_pooler.url(postgres.url, f"sslmode=verify-full&sslrootcert={tmp_path}/not-there.crt")
    refusal(binary, tmp_path, missing, 5, "not-there.crt|certificate")
    # The certificate is for localhost, not for its address.
    address = tls_pooler.verified(postgres.url).replace("@localhost:", "@127.0.0.1:")
    refusal(binary, tmp_path, address, 5, "certificate")


def test_a_server_without_tls_is_refused_where_it_is_required(
    postgres: Database, binary: Path, tmp_path: Path
) -> None:
    refusal(binary, tmp_path, f"{postgres.url}?sslmode=require", 5, "TLS")


def tenant(server: Server, database: Database, number: int) -> Account:
    """An admin of an organisation of his own; the product itself makes only the default one here."""
    account = server.sign_up(f"tenant{number}")
    organization = f"00000000-0000-7000-8000-0000000001{number:02}"
    database.execute(f"""
        INSERT INTO organizations (id, name) VALUES ('{organization}', 'Tenant {number}');
        DELETE FROM sessions WHERE user_id = '{account.user["id"]}';
        UPDATE users SET organization_id = '{organization}', role = 'admin' WHERE id = '{account.user["id"]}';
        """)
    signed_in = server.sign_in(account.user["email"])
    assert signed_in.user["organizationId"] == organization and signed_in.user["role"] == "USER_ROLE_ADMIN"
    return signed_in


def test_interleaved_tenants_see_nothing_of_each_other(
    postgres: Database, pooler: PgBouncer, start_replica: Callable[..., Server]
) -> None:
    server = start_replica(pooler.url(postgres.url), **NO_MODEL)
    tenants = [tenant(server, postgres, number) for number in range(3)]
    for number, account in enumerate(tenants):
        account.publish(f"Secret {number}", f"The wombat of tenant{number} digs tunnels.")
    problems: list[str] = []

    def work(number: int, seed: int) -> None:
        account, generator = tenants[number], random.Random(seed)
        others = [f"tenant{other}" for other in range(3) if other != number]
        try:
            for turn in range(ROUNDS):
                kind = generator.randrange(4)
                if kind == 0:
                    answer = account.call("POST", "/search", json={"query": "wombat", "mode": "SEARCH_MODE_LEXICAL"})
                    assert len(answer["hits"]) == 1, answer
                elif kind == 1:
                    answer = account.call("GET", "/documents")
                    assert len(answer["documents"]) == 1, answer
                elif kind == 2:
                    answer = account.call("POST", "/conversations", json={"title": f"tenant{number} {seed} {turn}"})
                else:
                    answer = account.call("GET", "/conversations")
                assert not [other for other in others if other in str(answer)], answer
        except Exception as problem:
            problems.append(f"tenant {number}: {problem!r}")

    threads = [threading.Thread(target=work, args=(seed % 3, seed)) for seed in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not problems
    # What the pool's few server connections have kept: no tenant, no role, no statement, no lock.
    pooled = Database(pooler.url(postgres.url), postgres.binaries)
    for _ in range(20):
        [(tenant_left, current, session, prepared, listening, locks, timeout)] = pooled.rows("""
            SELECT coalesce(current_setting('app.organization_id', true), '') AS a, current_user AS b,
              session_user AS c,
              (SELECT count(*) FROM pg_prepared_statements) AS d, (SELECT count(*) FROM pg_listening_channels()) AS e,
              (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS f,
              current_setting('statement_timeout') AS g
            """)
        assert (tenant_left, prepared, listening, locks, timeout) == ("", 0, 0, 0, "0") and current == session


def test_answers_are_taken_up_and_cancelled_through_a_pooler(
    postgres: Database, pooler: PgBouncer, start_replica: Callable[..., Server], provider: Provider
) -> None:
    # Nobody is told of anything: readers and writers look by themselves.
    first, second = (start_replica(pooler.url(postgres.url), patient(provider)) for _ in range(2))
    ada = first.sign_up("ada")
    provider.behave = recites()
    seen = begin(ada, 8)
    check_whole(seen + resume(ada.at(second), message_of(seen), seen[-1].id))
    provider.behave = provider.talks_until_left
    seen = begin(ada, 5)
    ada.at(second).call("POST", f"/chat/{message_of(seen)}/cancel", json={})
    assert provider.calls[-1].closed.wait(3)
