"""The clients: they submit, approve, search and ask, and judge every answer that they get."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from cluster import Cluster, Replica
from journal import Answer, Journal, Text
from postgres import DRIVER_TEXT
from support import PASSWORD, Account, events

# Longer than every time-out of the service together: who waits longer has no answer.
HANG_SECONDS = 30.0
MOST_OPEN_JOBS = 25
# The whole store of the clients, however long the run.
MOST_TEXTS = 3000


class Refused(Exception):
    """The service said clearly that it cannot now, or the replica was dead."""


class Client:
    """Sends requests to whichever replica chance picks."""

    def __init__(self, cluster: Cluster, journal: Journal, account: Account, generator: random.Random) -> None:
        self.cluster, self.journal, self.account, self.generator = cluster, journal, account, generator
        self.http = httpx.Client(
            headers={"Authorization": f"Bearer {account.token}"}, timeout=HANG_SECONDS,
            limits=httpx.Limits(max_keepalive_connections=0))
        self.secrets = (cluster.postgres.password, PASSWORD, account.token)
        self._texts: dict[str, bytes] = {}

    def call(self, method: str, path: str, body: Any = None, also: tuple[str, ...] = (), **more: Any) -> httpx.Response:
        """An answer of 200, or with one of the codes `also`.

        Raises `Refused` for every other that may be while things die. What may never be is a violation.
        """
        replica = self.generator.choice(self.cluster.replicas)
        begun = time.monotonic()
        operation = f"{method} {re.sub('[0-9a-f-]{36}', '{id}', path.split('?')[0])}"
        try:
            answer = self.http.request(method, f"{replica.server.url}/api/v1{path}", json=body, **more)
        except httpx.TransportError as problem:
            raise self._lost(operation, replica, begun, problem) from None
        self.journal.count(operation, str(answer.status_code), time.monotonic() - begun)
        if answer.status_code == 200:
            return answer
        return self.judge(operation, answer, also)

    def judge(self, operation: str, answer: httpx.Response, also: tuple[str, ...]) -> httpx.Response:
        """What a refusal has to be: documented, clear, and without anything of the driver's."""
        self.scan(operation, answer.text)
        try:
            code, message = answer.json()["code"], answer.json()["message"]
        except (ValueError, KeyError, TypeError):
            code, message = "", ""
        if code in also:
            return answer
        if (answer.status_code, code) != (503, "unavailable") or not message:
            self.journal.violate(f"{operation} answered {answer.status_code} {answer.text[:500]}")
        raise Refused

    def scan(self, operation: str, text: str) -> None:
        found = DRIVER_TEXT.search(text)
        if found or any(secret in text for secret in self.secrets):
            self.journal.violate(f"{operation} let out {found[0] if found else 'a secret'}: {text[:500]}")

    def _lost(self, operation: str, replica: Replica, begun: float, problem: Exception) -> Refused:
        now = time.monotonic()
        if isinstance(problem, httpx.TimeoutException):
            self.journal.count(operation, "hang", now - begun)
            self.journal.violate(f"{operation} had no answer within {HANG_SECONDS:.0f} s from {replica.name}")
        elif not replica.was_away(begun, now):
            self.journal.violate(f"{operation}: {replica.name} lived and broke the connection off: {problem!r}")
        self.journal.count(operation, "replica dead", now - begun)
        return Refused()

    def has_model(self) -> bool:
        """Whether the replicas embed."""
        url = self.cluster.replicas[0].server.url
        deadline = time.monotonic() + 60
        while True:
            checks = {check["name"]: check for check in httpx.get(f"{url}/readyz", timeout=30).json()["checks"]}
            is_loading = "being loaded" in checks["embedder"].get("detail", "")
            if not is_loading or time.monotonic() > deadline:
                return checks["embedder"]["state"] == "ok"
            time.sleep(0.1)

    # What clients do

    def submit_and_approve(self) -> None:
        with self.journal.lock:
            open_jobs = sum(text.job is not None and not text.seen for text in self.journal.texts)
            full = open_jobs > MOST_OPEN_JOBS or len(self.journal.texts) >= MOST_TEXTS
            if not full:
                text = Text.make(len(self.journal.texts), self.generator)
                self.journal.texts.append(text)
        if full:
            time.sleep(0.05)
            return
        # A submission whose answer is lost may be there or not: this text is not handed in again.
        answer = self.call("POST", "/submissions", {"title": text.title, "text": text.body})
        text.submission = answer.json()["submission"]["id"]
        self.approve(text, tries=20)

    def approve(self, text: Text, tries: int) -> None:
        """Approves until it is acknowledged, for an approval may be repeated."""
        for _ in range(tries):
            try:
                answer = self.call(
                    "POST", f"/submissions/{text.submission}/approve", {}, also=("failed_precondition",))
                if answer.status_code != 200:
                    # An earlier one was carried out, though its answer was lost.
                    answer = self.call("GET", f"/submissions/{text.submission}")
                    text.job = answer.json()["submission"]["jobId"]
                else:
                    text.job = answer.json()["jobId"]
                return
            except Refused:
                time.sleep(0.1)

    def search(self) -> None:
        approved = self.journal.approved()
        fresh = [text for text in approved if not text.seen]
        if not approved:
            time.sleep(0.05)
            return
        text = self.generator.choice(fresh if fresh and self.generator.random() < 0.7 else approved)
        self.look_for(text, "SEARCH_MODE_LEXICAL" if self.generator.random() < 0.7 else "SEARCH_MODE_HYBRID")

    def look_for(self, text: Text, mode: str) -> bool:
        """One search by words shows all sections of a text or none; a text that was there stays; hits quote its bytes.

        The two searches of a hybrid one look one after the other: when a text is published between them it is shown by
        its meaning alone, which need not be all of it.
        """
        was_seen = text.seen
        answer = self.call("POST", "/search", {"query": " ".join(text.markers), "mode": mode, "limit": 100})
        hits = answer.json().get("hits", [])
        found = {marker for marker in text.markers for hit in hits if f"{marker}." in hit["text"]}
        if mode == "SEARCH_MODE_LEXICAL" and found and len(found) != len(text.markers):
            self.journal.violate(f"{text.title}: only {sorted(found)} of {text.markers} were visible")
        if was_seen and not found:
            self.journal.violate(f"{text.title} was visible and is not any more")
        if found and not text.seen:
            text.seen = True
            self.journal.sightings += 1
        self.check_quotations(hits[:8])
        return bool(found)

    def check_quotations(self, passages: list[dict[str, Any]]) -> None:
        for passage in passages:
            revision = passage["revisionId"]
            if revision not in self._texts:
                answer = self.call("GET", f"/documents/{passage['documentId']}/text?revision={revision}")
                self._texts[revision] = answer.content
            quoted = self._texts[revision][passage["startOffset"]:passage["endOffset"]]
            if quoted != passage["text"].encode():
                self.journal.violate(f"a passage of revision {revision} is not its bytes: {passage}")
        self.journal.quotations += len(passages)

    def ask(self) -> None:
        approved = self.journal.approved()
        if not approved:
            time.sleep(0.05)
            return
        text = self.generator.choice(approved)
        body: dict[str, Any] = {"message": f"What stands beside {self.generator.choice(text.markers)}?"}
        if self.journal.conversations and self.generator.random() < 0.5:
            body["conversationId"] = self.generator.choice(self.journal.conversations[-20:])
        replica = self.generator.choice(self.cluster.replicas)
        begun = time.monotonic()
        seen: list[Any] = []
        try:
            with self.http.stream("POST", f"{replica.server.url}/api/v1/chat", json=body) as answer:
                if answer.status_code != 200:
                    answer.read()
                    self.journal.count("POST /chat", str(answer.status_code), time.monotonic() - begun)
                    self.judge("POST /chat", answer, ())
                seen.extend(whole_events(answer.iter_lines()))
        except httpx.TransportError as problem:
            raise self._lost("POST /chat", replica, begun, problem) from None
        if not seen or seen[-1].name not in ("completed", "failed"):
            raise self._lost("POST /chat", replica, begun, EOFError("the stream ends before its end"))
        self.journal.count("POST /chat", seen[-1].name, time.monotonic() - begun)
        if seen[-1].name == "failed":
            self.scan("POST /chat", json.dumps(seen[-1].data))
            if seen[-1].data["code"] != "unavailable" or not seen[-1].data["message"]:
                self.journal.violate(f"POST /chat failed with {seen[-1].data}")
            raise Refused
        started = seen[0].data
        written = "".join(event.data["text"] for event in seen if event.name == "delta")
        with self.journal.lock:
            self.journal.answers.append(
                Answer(started["conversationId"], started["userMessageId"], started["messageId"], written))
            if "conversationId" not in body:
                self.journal.conversations.append(started["conversationId"])
        self.check_quotations(seen[-1].data.get("citations", []))

    def repeat(self, work: Callable[[], None], stop: threading.Event, pause: float) -> threading.Thread:
        """Does something again and again, in a thread of its own."""

        def run() -> None:
            while not stop.is_set():
                try:
                    work()
                except Refused:
                    stop.wait(0.1)
                except Exception as problem:
                    self.journal.violate(f"a client did not understand an answer: {problem!r}")
                    stop.wait(0.5)
                stop.wait(pause)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread


def whole_events(lines: Iterator[str]) -> Iterator[Any]:
    """The events of a stream that may break off within one."""
    try:
        yield from events(lines)
    except AssertionError:
        return
