"""API keys with real clients: on each wire, in both durable profiles, and what a key leaves in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import httpx
import pytest

from postgres import Database
from support import UNTIL_FORGOTTEN, Account, Server, error_of, running

USES_ARE_WRITTEN_SECONDS = 15


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running(binary, tmp_path_factory.mktemp("keys")) as server:
        yield server.sign_up("ada")


def statuses(server: Server, key: str) -> dict[str, int]:
    """What a key may do, on each wire."""
    headers = {"Authorization": f"Bearer {key}"}
    search = {"query": "river"}
    connect = httpx.post(f"{server.url}/opentier.v1.RetrievalService/Search", headers=headers, json=search, timeout=30)
    rest = httpx.post(f"{server.url}/api/v1/search", headers=headers, json=search, timeout=30)
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary("/opentier.v1.RetrievalService/Search")
        try:
            call(b"\x0a\x05river", metadata=[("authorization", f"Bearer {key}")], timeout=30)
            native = 200
        except grpc.RpcError as error:
            native = {
                grpc.StatusCode.PERMISSION_DENIED: 403, grpc.StatusCode.UNAUTHENTICATED: 401}[error.code()]
    return {"rest": rest.status_code, "connect": connect.status_code, "grpc": native}


def test_a_key_opens_what_its_scopes_name_on_every_wire(ada: Account) -> None:
    assert set(statuses(ada.server, ada.key("search")).values()) == {200}
    assert set(statuses(ada.server, ada.key("chat", "read")).values()) == {403}
    assert set(statuses(ada.server, "otk_" + "x" * 48).values()) == {401}


def test_a_key_of_an_admin_is_no_admin_without_the_scope(ada: Account) -> None:
    submission = ada.submit("Rivers", "A river bends.")
    submitting = Account(ada.server, ada.key("submit"), ada.user)
    own = submitting.submit("Mine", "Lakes are still.")
    assert submitting.call("GET", f"/submissions/{own}")["submission"]["title"] == "Mine"
    submitting.call("POST", f"/submissions/{submission}/approve", 403, json={})
    reviewing = Account(ada.server, ada.key("admin"), ada.user)
    assert reviewing.ingest(submission)["state"] == "JOB_STATE_INDEXED"
    with reviewing.client() as client:
        error_of(client.post("/chat", json={"message": "x"}), 403, "permission_denied")
        error_of(client.get("/api-keys"), 403, "permission_denied")
        error_of(client.delete("/auth/me"), 403, "permission_denied")


def test_the_secret_is_in_no_row_and_no_log(ada: Account) -> None:
    key = ada.key("search")
    assert statuses(ada.server, key)["rest"] == 200
    for path in ada.server.data.iterdir():
        assert key.encode() not in path.read_bytes() and key[4:].encode() not in path.read_bytes(), path.name
    assert key not in ada.server.log()


def test_the_last_use_is_noted_apart_from_the_request(ada: Account) -> None:
    key = ada.key("search", name="used")

    def last_use() -> str | None:
        keys = ada.call("GET", "/api-keys")["apiKeys"]
        return next(item for item in keys if item["name"] == "used").get("lastUsedAt")

    assert last_use() is None
    assert statuses(ada.server, key)["rest"] == 200
    deadline = time.monotonic() + USES_ARE_WRITTEN_SECONDS
    while last_use() is None:
        assert time.monotonic() < deadline, "the use was not noted"
        time.sleep(0.2)


def test_the_last_use_before_a_stop_is_noted_too(binary: Path, tmp_path: Path) -> None:
    server = Server(binary, tmp_path).start()
    ada = server.sign_up("ada")
    assert statuses(server, ada.key("search"))["rest"] == 200
    server.close()
    assert [row[0] is not None for row in server.rows("SELECT last_used_at FROM api_keys")] == [True]


def test_no_more_keys_than_configured(binary: Path, tmp_path: Path) -> None:
    with running(binary, tmp_path, config="apiKeys: { maximumPerUser: 2, maximumLifetime: 48h }\n") as server:
        ada = server.sign_up("ada")
        ada.key("chat")
        ada.key("chat")
        with ada.client() as client:
            words = error_of(client.post("/api-keys", json={"name": "third"}), 429, "resource_exhausted")
            assert words == "you have 2 API keys: revoke one that is no longer needed"
            listed = client.get("/api-keys").json()["apiKeys"]
            assert client.delete(f"/api-keys/{listed[0]['id']}").status_code == 200
            made = client.post("/api-keys", json={"name": "third"}).json()["apiKey"]
            lifetime = datetime.fromisoformat(made["expiresAt"]) - datetime.fromisoformat(made["createdAt"])
            assert lifetime == timedelta(hours=48)


def test_keys_in_production_are_shared_by_replicas(
    postgres: Database, start_replica: Callable[..., Server]
) -> None:
    first, second = start_replica(postgres.url), start_replica(postgres.url)
    ada = first.sign_up("ada")
    key = ada.key("search")
    assert set(statuses(second, key).values()) == {200}
    listed = ada.at(second).call("GET", "/api-keys")["apiKeys"]
    assert [item["prefix"] for item in listed] == [key[:10]]
    # Nobody else's: another user of the same tenant neither sees nor revokes it.
    bob = second.sign_up("bob")
    assert bob.call("GET", "/api-keys").get("apiKeys", []) == []
    bob.call("DELETE", f"/api-keys/{listed[0]['id']}", 404)
    ada.call("DELETE", f"/api-keys/{listed[0]['id']}")
    assert set(statuses(first, key).values()) == {401}
    time.sleep(UNTIL_FORGOTTEN)
    assert set(statuses(second, key).values()) == {401}
