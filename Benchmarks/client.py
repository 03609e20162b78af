"""The one client that both sides are measured with: blocking HTTP/1.1 of Python's standard library."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from processes import BenchmarkError

TIMEOUT_SECONDS = 60.0


class Client:
    """One kept-alive connection."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self._port = port
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def another(self) -> Client:
        """One more connection of the same account."""
        other = Client(self._port)
        other._headers = self._headers
        return other

    def reconnect(self) -> None:
        """Begins a new connection: a server may have closed one that was idle while another was measured."""
        self._connection.close()
        self._connection.connect()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Sends JSON and reads the JSON of a good answer."""
        self._connection.request("POST", path, json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise BenchmarkError(f"{path} answered {answer.status}: {content[:300]!r}")
        return json.loads(content)

    def search(self, query: str, mode: str) -> float:
        """Searches, and gives the seconds until the whole answer was read; no hits is an error."""
        start = time.perf_counter()
        hits = self.post("/api/v1/search", {"query": query, "mode": f"SEARCH_MODE_{mode.upper()}", "limit": 10})
        taken = time.perf_counter() - start
        if not hits.get("hits"):
            raise BenchmarkError(f"{mode} search found nothing for {query!r}")
        return taken

    def ask(self, question: str) -> tuple[float, float]:
        """Asks on a connection of its own, which the server ends after a stream.

        Gives the seconds from before connecting to the first `delta` event, and to the end of the answer.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_SECONDS)
        try:
            start = time.perf_counter()
            connection.request("POST", "/api/v1/chat", json.dumps({"message": question}), self._headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise BenchmarkError(f"chat answered {answer.status}: {answer.read()[:300]!r}")
            first = None
            last = ""
            while line := answer.readline():
                if line.startswith(b"event:"):
                    last = line[6:].strip().decode()
                    if last == "delta" and first is None:
                        first = time.perf_counter() - start
            if first is None or last != "completed":
                raise BenchmarkError(f"the answer to {question!r} ended with the event {last!r}")
            return first, time.perf_counter() - start
        finally:
            connection.close()
