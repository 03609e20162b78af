"""Quotas, budgets and usage with real clients: what is admitted, what is settled, and what is told of it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import openai
import pytest
from openai import OpenAI

from postgres import Database, administrator
from support import DONE, QUICK, Account, Call, Provider, Server, chunk, clean_environment, error_of, running, says
from test_split import Halves, free_port, halves, started, until  # noqa: F401  (a fixture)

# A word is a token that came out, for who prices them at a whole unit each.
UNIT = 1_000_000
PRICED = 'promptPrice: "0", completionPrice: "1000"'


def configuration(provider: Provider, more: str = "") -> str:
    """Models that answer as the provider does: a free one, a priced one, and a route of two."""
    shared = f'provider: openai, baseURL: "{provider.url}", apiKey: "sk-x", timeout: 30s, attempts: 1'
    return (
        f"{QUICK}models:\n  default: fake\n  fake: {{ {shared}, model: fake-1, {PRICED} }}\n"
        f'  dear: {{ {shared}, model: dear-1, promptPrice: "5", completionPrice: "4000" }}\n'
        f"  both: {{ targets: [dear, fake], attempts: 1 }}\n{more}")


def counted(prompt: int, completion: int, *words: str) -> Callable[[Call], None]:
    """Answers with words and says what they used."""

    def behave(call: Call) -> None:
        call.head()
        for word in words:
            call.send(chunk(word))
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        call.send(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n")
        call.send(DONE)

    return behave


def usage(account: Account, **parameters: str) -> dict[str, Any]:
    with account.client() as client:
        answer = client.get("/usage", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def settled(account: Account, requests: int, patience: float = 15) -> dict[str, Any]:
    """The usage, once so many calls are settled."""
    deadline = time.monotonic() + patience
    while True:
        report = usage(account)
        if int(report["total"]["requests"]) >= requests or time.monotonic() > deadline:
            assert int(report["total"]["requests"]) == requests
            return report
        time.sleep(0.05)


def command(server: Server, *arguments: str, status: int = 0) -> str:
    run = subprocess.run(
        [server.binary, *arguments, "--data", str(server.data)], cwd=server.folder, capture_output=True, text=True,
        timeout=60, env=clean_environment())
    assert run.returncode == status, run.stderr
    return run.stdout


@pytest.fixture
def serve(binary: Path, tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Callable[..., Account]]:
    """Starts a server with quotas and gives its admin: `serve("quotas: …")`."""
    servers: list[Server] = []

    def start(more: str = "") -> Account:
        server = Server(binary, tmp_path_factory.mktemp("metering"), config=configuration(provider, more)).start()
        servers.append(server)
        return server.sign_up("ada")

    yield start
    for server in servers:
        server.close()


def test_usage_has_days_models_users_and_cost(serve: Callable[..., Account], provider: Provider) -> None:
    ada = serve()
    provider.behave = counted(100, 7, "one ", "two")
    assert ada.ask("Why?").text == "one two"
    bob = ada.server.sign_up("bob")
    bob.ask("Why?", model="extractive")
    report = settled(ada, 2)
    assert [model["model"] for model in report["models"]] == ["fake", "extractive"]
    assert report["models"][0]["totals"] == {
        "requests": "1", "promptTokens": "100", "completionTokens": "7", "costMicros": "7000"}
    assert report["total"]["costMicros"] == "7000"
    assert [user["email"] for user in report["users"]] == ["ada@example.org", "bob@example.org"]
    assert [day["day"] for day in report["days"]] == [report["lastDay"]]
    assert report["currency"] == "USD"
    # Who is no admin sees their own, and nobody else's.
    own = settled(bob, 1)
    assert [user["email"] for user in own["users"]] == ["bob@example.org"] and own["total"]["costMicros"] == "0"
    with bob.client() as client:
        error_of(client.get("/usage", params={"userId": ada.user["id"]}), 403, "permission_denied")
        error_of(client.get("/budgets"), 403, "permission_denied")
        error_of(client.get("/usage", params={"from": "2020-01-01T00:00:00Z"}), 400, "invalid_argument")
    # The users page.
    first = usage(ada, pageSize="1")
    second = usage(ada, pageSize="1", pageToken=first["nextPageToken"])
    assert [user["email"] for user in first["users"] + second["users"]] == ["ada@example.org", "bob@example.org"]
    assert "nextPageToken" not in second
    # The command line tells the same.
    lines = command(ada.server, "usage", "--by", "model").splitlines()
    assert lines[0].split() == ["fake", "1", "requests", "100", "in", "7", "out", "0.007", "USD"]
    told = json.loads(command(ada.server, "usage", "--json", "--email", "bob@example.org"))
    assert told["total"] == own["total"]


def test_a_call_is_priced_by_the_model_that_answered(serve: Callable[..., Account], provider: Provider) -> None:
    ada = serve()

    def only_fake(call: Call) -> None:
        if call.body["model"] == "dear-1":
            call.head(500, "application/json")
            call.send(b"{}")
        else:
            counted(10, 3, "said")(call)

    provider.behave = only_fake
    assert ada.ask("Why?", model="both").text == "said"
    report = settled(ada, 1)
    assert [model["model"] for model in report["models"]] == ["fake"]
    assert report["total"]["costMicros"] == "3000"
    provider.behave = counted(10, 3, "said")
    ada.ask("Why?", model="both")
    assert settled(ada, 2)["total"]["costMicros"] == str(3000 + 3 * 4000 + 50)


def test_a_model_that_fails_before_it_speaks_costs_nothing(serve: Callable[..., Account], provider: Provider) -> None:
    ada = serve("quotas: { user: { tokensPerDay: 8000 } }\n")

    def fails(call: Call) -> None:
        call.head(500, "application/json")
        call.send(b"{}")

    provider.behave = fails
    for _ in range(3):
        assert ada.ask("Why?").end.name == "failed"
    report = settled(ada, 3)
    assert report["total"]["promptTokens"] == "0" and report["total"]["costMicros"] == "0"
    # Each had reserved most of the day.
    provider.behave = counted(10, 3, "said")
    assert ada.ask("Why?").text == "said"


@pytest.mark.parametrize("wire", ["REST", "OpenAI"])
def test_a_reader_who_leaves_pays_for_what_was_written(
    serve: Callable[..., Account], provider: Provider, wire: str
) -> None:
    ada = serve("quotas: { user: { concurrentStreams: 1 } }\n")
    provider.behave = provider.talks_until_left
    if wire == "REST":
        with ada.open_stream("/chat", {"message": "Talk."}) as stream:
            for _ in range(5):
                stream.until("delta")
            with ada.client() as client:
                refused = client.post("/chat", json={"message": "Talk."})
                assert "concurrentStreams" in error_of(refused, 429, "resource_exhausted")
                assert refused.headers["retry-after"] == "1"
            stream.leave()
    else:
        with OpenAI(base_url=f"{ada.server.url}/v1", api_key=ada.key("chat"), max_retries=0) as client:
            stream = client.chat.completions.create(
                model="fake", messages=[{"role": "user", "content": "Talk."}], stream=True)
            for _, _ in zip(range(5), stream):
                pass
            with pytest.raises(openai.RateLimitError) as refusal:
                client.chat.completions.create(model="fake", messages=[{"role": "user", "content": "x"}])
            assert refusal.value.code == "rate_limit_exceeded" and refusal.value.type == "rate_limit_error"
            stream.close()
    report = settled(ada, 1)
    total = report["total"]
    assert int(total["completionTokens"]) >= 4 and int(total["promptTokens"]) > 0
    assert int(total["costMicros"]) == int(total["completionTokens"]) * 1000
    # Its place is free again, and so is what it did not use.
    provider.behave = counted(1, 1, "said")
    assert ada.ask("Why?").text == "said"


def test_a_limit_that_is_reached_is_told_on_every_wire(serve: Callable[..., Account], provider: Provider) -> None:
    ada = serve("quotas: { user: { requestsPerMinute: 30, burst: 2, tokensPerDay: 20000 }, replyTokens: 100 }\n")
    headers = {"Authorization": f"Bearer {ada.token}"}
    for _ in range(2):
        assert ada.search("river") == []
    with ada.client() as client:
        refused = client.post("/search", json={"query": "river"})
    assert "requestsPerMinute" in error_of(refused, 429, "resource_exhausted")
    assert refused.headers["retry-after"] in ("1", "2")
    connect = httpx.post(
        f"{ada.server.url}/opentier.v1.RetrievalService/Search", headers=headers, json={"query": "river"}, timeout=30)
    assert connect.status_code == 429 and connect.json()["code"] == "resource_exhausted"
    with grpc.insecure_channel(ada.server.grpc) as channel, pytest.raises(grpc.RpcError) as native:
        channel.unary_unary("/opentier.v1.RetrievalService/Search")(
            b"\x0a\x05river", metadata=[("authorization", f"Bearer {ada.token}")], timeout=30)
    assert native.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(native.value.trailing_metadata())["opentier-retry-after"] in ("1", "2")
    time.sleep(2.1)
    # A client that waits as it is told gets through; a quota that is used up is not tried again.
    provider.behave = counted(1, 1, "said")
    with OpenAI(base_url=f"{ada.server.url}/v1", api_key=ada.key("chat"), max_retries=2) as client:
        ask: dict[str, Any] = {"model": "fake", "messages": [{"role": "user", "content": "x"}]}
        for _ in range(3):
            assert client.chat.completions.create(**ask).choices[0].message.content == "said"
        count = len(provider.calls)
        with pytest.raises(openai.RateLimitError) as quota:
            client.chat.completions.create(**ask, max_tokens=30_000)
        assert quota.value.code == "insufficient_quota" and "tokensPerDay" in quota.value.message
        assert quota.value.response.headers["x-should-retry"] == "false"
        assert int(quota.value.response.headers["retry-after"]) <= 86_400
        assert len(provider.calls) == count


def test_a_key_has_limits_of_its_own(serve: Callable[..., Account], provider: Provider) -> None:
    ada = serve("quotas: { apiKey: { requestsPerMinute: 1, burst: 2 } }\n")
    first, second = (Account(ada.server, ada.key("search", name=name), ada.user) for name in ("a", "b"))
    for key in (first, second):
        for _ in range(2):
            key.search("river")
        with key.client() as client:
            assert "this API key" in error_of(client.post("/search", json={"query": "x"}), 429, "resource_exhausted")
    ada.search("river")


def test_a_process_that_is_killed_leaves_its_call_counted(serve: Callable[..., Account], provider: Provider) -> None:
    ada = serve("quotas: { lease: 3s, user: { concurrentStreams: 1, tokensPerDay: 12000 } }\n")
    provider.behave = provider.talks_until_left
    with ada.open_stream("/chat", {"message": "Talk."}) as stream:
        stream.until("delta")
        # What goes on is kept beyond the lease.
        time.sleep(4)
        with ada.client() as client:
            error_of(client.post("/chat", json={"message": "Talk."}), 429, "resource_exhausted")
        ada.server.kill()
    provider.behave = counted(1, 1, "said")
    ada = ada.at(ada.server.start())
    report = settled(ada, 1, patience=30)
    # The passages, the history and the reply that were reserved.
    assert 6_000 < int(report["total"]["promptTokens"]) < 6_200
    assert ada.server.rows("SELECT outcome FROM usage_events") == [("lapsed",)]
    with ada.client() as client:
        assert "tokensPerDay" in error_of(client.post("/chat", json={"message": "Talk."}), 429, "resource_exhausted")


def test_a_server_that_is_told_to_stop_settles_first(serve: Callable[..., Account], provider: Provider) -> None:
    ada = serve("quotas: { user: { tokensPerDay: 12000 } }\nshutdown: { grace: 1s }\n")
    provider.behave = provider.talks_until_left
    with ada.open_stream("/chat", {"message": "Talk."}) as stream:
        stream.until("delta")
        assert ada.server.terminate() == 0
    assert ada.server.rows("SELECT outcome, completion_tokens > 0 FROM usage_events") == [("cancelled", 1)]
    assert ada.server.rows("SELECT id FROM usage_reservations") == []
    ada.server.start()


def test_a_budget_tells_stops_and_is_overridden(serve: Callable[..., Account], provider: Provider) -> None:
    ada = serve("quotas: { replyTokens: 1 }\n")
    # Ten replies of 100 tokens at a thousandth each, in millionths.
    budget = ada.call("POST", "/budgets", json={"limitMicros": str(1_000_000)})["budget"]
    provider.behave = counted(0, 100, "said")
    for count in range(11):
        assert ada.ask("Why?").text == "said", count
        settled(ada, count + 1)
    assert usage(ada)["budgets"][0]["spentMicros"] == "1100000"
    with ada.client() as client:
        refused = client.post("/chat", json={"message": "Why?"})
        assert "budget" in error_of(refused, 429, "resource_exhausted")
        assert 0 < int(refused.headers["retry-after"]) <= 31 * 86_400
    # What costs nothing still works.
    ada.ask("Why?", model="extractive")
    with OpenAI(base_url=f"{ada.server.url}/v1", api_key=ada.key("chat"), max_retries=0) as client:
        with pytest.raises(openai.RateLimitError) as stopped:
            client.chat.completions.create(model="fake", messages=[{"role": "user", "content": "x"}])
        assert stopped.value.code == "insufficient_quota"
    told = ada.server.rows("SELECT json_extract(payload, '$.percent') FROM outbox WHERE kind = 'budget.reached' ORDER BY 1")
    assert told == [("110",), ("70",), ("85",), ("95",)]
    until(lambda: ada.server.log().count("a budget has reached a share") == 4)
    # An admin lets it go on, and that is written down.
    shown = json.loads(
        command(
            ada.server, "budgets", "override", budget["id"], "--hours", "1", "--reason", "The report is due", "--json"))
    assert shown["override"]["reason"] == "The report is due"
    assert ada.ask("Why?").text == "said"
    with ada.client() as client:
        path = f"/budgets/{budget['id']}/override"
        error_of(client.post(path, json={"expiresAt": "2020-01-01T00:00:00Z"}), 400, "invalid_argument")
        ended = client.post(path, json={"expiresAt": "2020-01-01T00:00:00Z", "reason": "It is done"})
        assert "override" not in ended.json()["budget"]
        error_of(client.post("/chat", json={"message": "Why?"}), 429, "resource_exhausted")
        error_of(client.delete(f"/budgets/{ada.user['id']}"), 404, "not_found")
        error_of(client.post("/budgets", json={"limitMicros": "-1"}), 400, "invalid_argument")
        assert client.delete(f"/budgets/{budget['id']}").status_code == 200
    ada.ask("Why?")
    entries = ada.call("GET", "/audit-entries")["entries"]
    assert [entry["action"] for entry in entries] == [
        "budget.deleted", "budget.override_ended", "budget.overridden", "budget.set"]
    assert entries[2]["details"]["reason"] == "The report is due" and entries[0]["actorId"] == ada.user["id"]
    assert "budget.overridden" in command(ada.server, "budgets", "audit")


def test_a_budget_of_one_account_leaves_the_others_alone(serve: Callable[..., Account], provider: Provider) -> None:
    ada = serve()
    bob = ada.server.sign_up("bob")
    line = command(ada.server, "budgets", "set", "0", "--email", "bob@example.org")
    assert f"user {bob.user['id']}" in line
    provider.behave = counted(1, 1, "said")
    with bob.client() as client:
        error_of(client.post("/chat", json={"message": "Why?"}), 429, "resource_exhausted")
    assert ada.ask("Why?").text == "said"
    assert [budget["userId"] for budget in ada.call("GET", "/budgets")["budgets"]] == [bob.user["id"]]
    command(ada.server, "budgets", "set", "abc", status=2)


# The production profile, where replicas count together


PLAIN = QUICK + "ingestion: { lease: 3s }\n"


def test_racing_requests_over_two_replicas_exceed_no_quota(
    start_replica: Callable[..., Server], postgres: Database
) -> None:
    config = PLAIN + "quotas: { user: { requestsPerMinute: 1, burst: 20, firstDayRequests: 0 } }\n"
    first = start_replica(postgres.url, config)
    second = start_replica(postgres.url, config)
    ada = administrator(first)
    clients = [ada.at(server).client() for server in (first, second)]
    with ThreadPoolExecutor(16) as pool:
        statuses = list(
            pool.map(lambda n: clients[n % 2].post("/search", json={"query": "river"}).status_code, range(60)))
    assert sorted(set(statuses)) == [200, 429] and statuses.count(200) == 20


def test_a_new_account_has_ten_requests_and_an_admin_more(
    start_replica: Callable[..., Server], postgres: Database
) -> None:
    server = start_replica(postgres.url, PLAIN)
    ada = administrator(server)
    bob = server.sign_up("bob")
    for _ in range(10):
        bob.search("river")
    with bob.client() as client:
        refused = client.post("/search", json={"query": "river"})
    assert "firstDayRequests" in error_of(refused, 429, "resource_exhausted")
    assert 86_000 < int(refused.headers["retry-after"]) <= 86_400
    for _ in range(12):
        ada.search("river")
    postgres.execute("UPDATE users SET created_at = created_at - interval '1 day'")
    bob.search("river")


def test_the_halves_meter_as_one(
    halves: Callable[..., Halves], postgres: Database, provider: Provider, binary: Path  # noqa: F811
) -> None:
    from postgres import production

    more = "quotas: { lease: 3s, user: { firstDayRequests: 0, tokensPerDay: 14000 } }\n"
    split = halves(config=configuration(provider, more), profile="production", environment=production(postgres.url))
    ada = started(split).sign_up("ada")
    provider.behave = counted(20, 5, "said")
    assert ada.ask("Why?").text == "said"
    total = settled(ada, 1)["total"]
    assert (total["promptTokens"], total["completionTokens"], total["costMicros"]) == ("20", "5", "5000")
    # A half that is killed while it writes: nobody settles, and the call lapses as what was reserved for it.
    provider.behave = provider.talks_until_left
    with ada.open_stream("/chat", {"message": "Talk."}) as stream:
        stream.until("delta")
        split.intelligence[0].kill()
    total = settled(ada, 2, patience=30)["total"]
    assert int(total["promptTokens"]) > 6_000
    # Where nobody takes the call, it is given back.
    before = postgres.value("SELECT tokens FROM usage_counters")
    with ada.client() as client:
        error_of(client.post("/chat", json={"message": "Talk."}), 503, "unavailable")
    until(lambda: bool(postgres.value("SELECT tokens FROM usage_counters") == before))
    assert postgres.value("SELECT count(*) FROM usage_reservations") == 0
