"""Changing the embedding model: the former vectors serve until the new ones are complete, against an endpoint that
speaks OpenAI's protocol."""

from __future__ import annotations

import hashlib
import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from postgres import PRODUCTION, Database, administrator, command, production
from support import QUICK, Account, Server
from test_production import has_model, readiness

WIDTH = 48


def vector(text: str) -> list[float]:
    """A sum of directions, one for each word."""
    components = [0.0] * WIDTH
    for word in re.findall(r"\w+", text.lower()):
        digest = hashlib.sha256(word.encode()).digest()
        for index in range(WIDTH):
            components[index] += digest[index % 32] / 128 - 1 if index < 32 else (digest[index - 16] % 7) - 3
    return components if any(components) else [1.0] + components[1:]


class Endpoint:
    """Embeddings as OpenAI serves them; away while it is told to be."""

    def __init__(self) -> None:
        self.away = False
        self.inputs: list[str] = []
        self.keys: set[str | None] = set()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                endpoint.keys.add(self.headers.get("authorization"))
                if endpoint.away:
                    self.answer(503, {"error": {"message": "away"}})
                    return
                assert self.path == "/v1/embeddings" and body["model"] == "hashes"
                endpoint.inputs += body["input"]
                data = [
                    {"object": "embedding", "index": index, "embedding": vector(text)}
                    for index, text in enumerate(body["input"])]
                self.answer(200, {"object": "list", "data": data, "model": "hashes", "usage": {"prompt_tokens": 1}})

            def answer(self, status: int, body: Any) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *values: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def config(self, more: str = "", *, wanted: bool = True, price: str | None = None) -> str:
        return QUICK + more + "\n".join([
            "embedding:",
            *(["  model: hashes"] if wanted else []),
            "  endpoints:",
            "    hashes:",
            f"      baseURL: http://127.0.0.1:{self.server.server_port}/v1",
            "      model: hashes",
            f"      dimensions: {WIDTH}",
            "      apiKey: a-key",
            "      attempts: 1",
            *([f'      price: "{price}"'] if price else []),
            ""])

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


TEXTS = {
    "Flutter": "Flutter is an instability of a wing in fast air.",
    "Tunnels": "The wind tunnel runs at night, for its motor takes the power of a town.",
    "Leave": "Employees have thirty days of leave a year.",
}


@contextmanager
def stored(binary: Path, folder: Path, profile: str, database: Database | None) -> Iterator[Server]:
    """A server that is not started yet."""
    environment = production(database.url) if database else {}
    server = Server(binary, folder, profile=profile, environment=environment)
    try:
        yield server
    finally:
        server.close()


def status(server: Server) -> dict[str, Any]:
    run = command(
        server.binary, server.folder, "embeddings", "status", "--json",
        environment=server.environment | {"OPENTIER_PROFILE": server.profile, "OPENTIER_DATA": str(server.data)})
    return json.loads(run.stdout)


def until(condition: Callable[[], bool], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def titles(account: Account, query: str) -> list[str]:
    return [hit["title"] for hit in account.search(query, "SEARCH_MODE_SEMANTIC")]


@pytest.mark.parametrize("profile", ["offline", "production"])
def test_the_former_vectors_serve_until_the_new_ones_are_complete(
    binary: Path, tmp_path: Path, profile: str, endpoint: Endpoint, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue("postgres") if profile == "production" else None
    base = PRODUCTION.replace(QUICK, "") if database else ""
    with stored(binary, tmp_path, profile, database) as server:
        server.config = QUICK + base
        server.start()
        if not has_model(server):
            pytest.skip("there is no embedding model")
        ada = administrator(server) if database else server.sign_up("ada")
        for title, text in TEXTS.items():
            ada.publish(title, text)
        assert titles(ada, "vacation")[0] == "Leave"
        assert status(server)["serving"] == "all-MiniLM-L6-v2"
        server.terminate()

        # The new model is away: the old one serves, whatever was published meanwhile included.
        endpoint.away = True
        server.config = endpoint.config(base)
        server.start()
        ada = ada.at(server)
        assert has_model(server)
        assert titles(ada, "vacation")[0] == "Leave"
        ada.publish("Sabbaticals", "A sabbatical takes a quarter.")
        assert "Sabbaticals" in titles(ada, "time off work")[:2]
        found = status(server)
        assert (found["serving"], found["wanted"]) == ("all-MiniLM-L6-v2", "hashes")
        assert found["passages"] == 4
        assert {model["name"]: model["vectors"] for model in found["models"]} == {"all-MiniLM-L6-v2": 4}
        until(lambda: "cannot go on" in server.log())
        detail = readiness(server)[1]["embedder"]
        assert detail["state"] == "ok" and "being embedded with hashes" in detail["detail"]
        server.kill()

        endpoint.away = False
        server.start()
        ada = ada.at(server)
        until(lambda: status(server)["serving"] == "hashes")
        until(lambda: readiness(server)[1]["embedder"].get("detail") == "hashes")
        assert sum(text in passage for passage in endpoint.inputs for text in TEXTS.values()) == 3
        endpoint.inputs.clear()
        # The model that serves embeds the question, and what it knows of words decides.
        assert titles(ada, "thirty leave employees")[0] == "Leave"
        assert endpoint.inputs == ["thirty leave employees"]
        ada.publish("Gusts", "Gusts load wings.")
        assert titles(ada, "gusts load wings")[0] == "Gusts"
        assert endpoint.keys == {"Bearer a-key"}
        found = status(server)
        assert {model["name"]: model["vectors"] for model in found["models"]} == {"all-MiniLM-L6-v2": 4, "hashes": 5}

        environment = server.environment | {"OPENTIER_PROFILE": profile, "OPENTIER_DATA": str(server.data)}
        pruned = command(binary, tmp_path, "embeddings", "prune", "--json", environment=environment)
        assert json.loads(pruned.stdout) == [{"name": "all-MiniLM-L6-v2", "removed": 4}]
        assert [model["name"] for model in status(server)["models"]] == ["hashes"]
        assert titles(ada, "gusts load wings")[0] == "Gusts"
        # A provider that goes away leaves the search by words.
        endpoint.away = True
        assert [hit["title"] for hit in ada.search("gusts", "SEARCH_MODE_HYBRID")][0] == "Gusts"
        assert "a-key" not in server.log() and "gusts load wings" not in server.log()


def test_an_endpoint_alone_needs_no_model_in_this_process(
    binary: Path, tmp_path: Path, endpoint: Endpoint
) -> None:
    server = Server(binary, tmp_path, config=endpoint.config().replace(
        "embedding:", f"embedding:\n  modelDirectory: {tmp_path}/none"))
    try:
        server.start()
        ada = server.sign_up("ada")
        for title, text in TEXTS.items():
            ada.publish(title, text)
        assert titles(ada, "the wind tunnel")[0] == "Tunnels"
        assert all(math.isfinite(hit["score"]) for hit in ada.search("wind", "SEARCH_MODE_SEMANTIC"))
        check = readiness(server)[1]["embedder"]
        assert (check["state"], check["detail"]) == ("ok", "hashes")
        # An answer needs no model but the built-in one.
        assert ada.ask("When does the wind tunnel run?").citations
    finally:
        server.close()


def test_a_model_that_is_not_configured_any_more_leaves_words_until_another_serves(
    binary: Path, tmp_path: Path, endpoint: Endpoint
) -> None:
    server = Server(binary, tmp_path, config=endpoint.config())
    try:
        server.start()
        ada = server.sign_up("ada")
        for title, text in TEXTS.items():
            ada.publish(title, text)
        server.terminate()
        server.config = QUICK + f"embedding:\n  modelDirectory: {tmp_path}/none\n"
        server.start()
        ada = ada.at(server)
        check = readiness(server)[1]["embedder"]
        assert check["state"] == "degraded" and "hashes is not configured any more" in check["detail"]
        assert [hit["title"] for hit in ada.search("tunnel", "SEARCH_MODE_HYBRID")] == ["Tunnels"]
        message = command(
            binary, tmp_path, "search", "tunnel", environment={"OPENTIER_DATA": str(server.data)}).stderr
        assert "hashes, which embedding.endpoints does not name" in message
    finally:
        server.close()


def test_an_endpoint_with_a_price_costs_what_it_reads_and_counts_for_budgets(
    binary: Path, tmp_path: Path, endpoint: Endpoint
) -> None:
    server = Server(binary, tmp_path, config=endpoint.config(price="1000000"))
    try:
        server.start()
        ada = server.sign_up("ada")
        client = OpenAI(base_url=f"{server.url}/v1", api_key=ada.token, max_retries=0)
        answer = client.embeddings.create(model="hashes", input=["the wind tunnel", "runs at night"])
        tokens = answer.usage.total_tokens
        assert tokens > 0

        def usage() -> Any:
            with ada.client() as http:
                return http.get("/usage").json()["total"]

        assert usage()["costMicros"] == str(tokens * 1_000_000)
        with ada.client() as http:
            assert http.post("/budgets", json={"limitMicros": str(tokens * 1_000_000)}).status_code == 200
        with pytest.raises(openai.RateLimitError) as refused:
            client.embeddings.create(model="hashes", input="one more")
        assert refused.value.code == "insufficient_quota"
        # Searching for answers is the server's own matter.
        assert ada.search("wind", "SEARCH_MODE_SEMANTIC") == []
        assert usage()["requests"] == "1"
    finally:
        server.close()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("embedding: { endpoints: { small: { baseURL: 'http://h/v1', model: m, dimensions: 3, price: cheap } } }\n",
         "embedding.endpoints.small.price"),
        ("embedding: { model: small }\n", "one of the embedding models: all-MiniLM-L6-v2"),
        ("embedding: { endpoints: { small: { model: m, dimensions: 3 } } }\n", "embedding.endpoints.small.baseURL"),
        ("embedding: { endpoints: { small: { baseURL: 'http://h/v1', dimensions: 3 } } }\n",
         "embedding.endpoints.small.model"),
        ("embedding: { endpoints: { small: { baseURL: 'http://h/v1', model: m } } }\n",
         "embedding.endpoints.small.dimensions"),
        ("embedding: { endpoints: { small: { baseURL: 'http://h/v1', model: m, dimensions: 8193 } } }\n", "1 to 8192"),
        ("embedding: { endpoints: { small: { baseURL: 'http://h/v1', model: m, dimensions: 3, width: 3 } } }\n",
         "embedding.endpoints.small.width"),
        ("embedding: { endpoints: { a: { baseURL: 'http://h/v1', model: m, dimensions: 3 },"
         " b: { baseURL: 'http://i/v1', model: m, dimensions: 3 } } }\n", "make the same vectors"),
    ])
def test_a_wrong_configuration_is_refused_with_the_key(
    binary: Path, tmp_path: Path, config: str, message: str
) -> None:
    (tmp_path / "opentier.yaml").write_text(config)
    run = command(
        binary, tmp_path, "embeddings", "status", environment={"OPENTIER_DATA": str(tmp_path / "data")}, status=2)
    assert message in run.stderr
