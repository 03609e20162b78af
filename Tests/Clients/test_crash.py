"""Nothing that was acknowledged is lost, doubled or half visible, whenever the process dies."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from support import DONE, QUICK, Account, Call, Provider, Server, chunk, clean_environment, running

KILLS = 22
# A dead worker's jobs are tried again soon, and as often as it takes here.
CRASHING = QUICK + "ingestion: { lease: 1s, maximumAttempts: 100 }\nlog: { level: warning }\n"
WORDS = "flow wing heat layer plate shock pressure nozzle cone body theory drag lift vortex wake stream".split()
RUNNING = ("extracting", "chunking", "embedding")


def seed() -> int:
    chosen = int(os.environ.get("OPENTIER_CRASH_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"OPENTIER_CRASH_SEED={chosen}")
    return chosen


@dataclass
class Text:
    """A text with a word of its own in each of its sections, which lie so far apart that each is another chunk."""

    number: int
    markers: list[str]
    body: str
    submissions: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    seen: bool = False

    @staticmethod
    def make(number: int, generator: random.Random) -> Text:
        markers = [f"marker{number}x{section}" for section in range(generator.randint(2, 5))]
        parts = [f"# Text {number} — größer 🚀"]
        for marker in markers:
            words = " ".join(generator.choice(WORDS) for _ in range(generator.randint(30, 160)))
            parts.append(f"## Section\n\nHere is {marker}. {words}.")
        return Text(number, markers, "\n\n".join(parts) + "\n")


class World:
    """What the clients know that the server has acknowledged."""

    def __init__(self, account: Account, generator: random.Random) -> None:
        self.account = account
        self.generator = generator
        self.texts: list[Text] = []
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.problems: list[str] = []
        self.checks = 0
        self.sightings = 0
        self.passages = 0

    def spawn(self, work: Callable[[random.Random, int], None], number: int) -> threading.Thread:
        def run() -> None:
            generator = random.Random(self.generator.random())
            while not self.stop.is_set():
                try:
                    work(generator, number)
                except httpx.TransportError:
                    # The server is dead, or dies just now: nothing was acknowledged.
                    self.stop.wait(0.02)
                except Exception as problem:
                    self.problems.append(repr(problem))
                    return

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def submit_and_approve(self, generator: random.Random, worker: int) -> None:
        with self.lock:
            backlog = sum(len(text.jobs) for text in self.texts) - sum(text.seen for text in self.texts)
            # Now and then a text is handed in twice: it still makes one document.
            again = generator.choice(self.texts) if self.texts and generator.random() < 0.15 else None
            text = again or Text.make(worker * 10_000 + len(self.texts), generator)
        if backlog > 25:
            self.stop.wait(0.05)
            return
        submission = self.account.submit(f"Text {text.number}", text.body)
        with self.lock:
            if again is None:
                self.texts.append(text)
            text.submissions.append(submission)
        self.approve(text, submission)

    def approve(self, text: Text, submission: str) -> None:
        while not self.stop.is_set():
            try:
                with self.account.client() as client:
                    answer = client.post(f"/submissions/{submission}/approve", json={})
                    if answer.status_code == 400 and answer.json()["code"] == "failed_precondition":
                        # The one before was carried out, though its answer was lost.
                        answer = client.get(f"/submissions/{submission}")
                        answer.raise_for_status()
                        job = answer.json()["submission"]["jobId"]
                    else:
                        answer.raise_for_status()
                        job = answer.json()["jobId"]
            except httpx.TransportError:
                self.stop.wait(0.05)
                continue
            with self.lock:
                text.jobs.append(job)
            return

    def read(self, generator: random.Random, _: int) -> None:
        with self.lock:
            known = [text for text in self.texts if text.jobs]
            # Those that nobody has seen yet are about to appear.
            fresh = [text for text in known if not text.seen]
        if not known:
            self.stop.wait(0.05)
            return
        self.check(generator.choice(fresh if fresh and generator.random() < 0.7 else known))

    def check(self, text: Text) -> None:
        """One search shows all sections of a text or none, and a text that was there stays."""
        was_seen = text.seen
        hits = self.account.search(" ".join(text.markers), limit=100)
        found = {marker for marker in text.markers for hit in hits if f"{marker}." in hit["text"]}
        self.passages = max(self.passages, len(hits))
        self.checks += 1
        if found and len(found) != len(text.markers):
            self.problems.append(f"text {text.number}: only {sorted(found)} of {text.markers} were visible")
        if was_seen and not found:
            self.problems.append(f"text {text.number} was visible and is not any more")
        if found:
            self.sightings += not was_seen
            text.seen = True


def test_kill_9_at_random_moments_loses_doubles_and_halves_nothing(binary: Path, tmp_path: Path) -> None:
    generator = random.Random(seed())
    server = Server(binary, tmp_path, config=CRASHING).start()
    world = World(server.sign_up("ada"), generator)
    threads = [world.spawn(world.submit_and_approve, number) for number in (1, 2, 3)]
    threads += [world.spawn(world.read, number) for number in (4, 5)]
    interrupted = 0
    for _ in range(KILLS):
        time.sleep(generator.uniform(0.05, 2.0))
        server.kill()
        interrupted += server.rows(f"SELECT count(*) FROM ingestion_jobs WHERE state IN {RUNNING}")[0][0] > 0
        server.start()
        check_acknowledged(world)
        assert not world.problems
    world.stop.set()
    for thread in threads:
        thread.join(60)
    for text in world.texts:
        for job in text.jobs:
            state = world.account.finished(job, patience=180)
            assert state["state"] == "JOB_STATE_INDEXED", state
    check_acknowledged(world)
    check_documents(world)
    for text in world.texts:
        if text.jobs:
            world.check(text)
            assert text.seen
    assert not world.problems, world.problems
    server.close()
    print(
        f"{KILLS} kills, {interrupted} within a running job; {len(world.texts)} texts, "
        f"{sum(len(text.submissions) for text in world.texts)} submissions, {world.checks} searches beside them")
    # Else nothing was tested.
    assert interrupted >= 3 and world.sightings >= 5 and len(world.texts) >= 10 and world.passages >= 4


def check_acknowledged(world: World) -> None:
    """Every acknowledged submission is there with its text, every approval with its job."""
    with world.lock:
        known = [(text, list(text.submissions), list(text.jobs)) for text in world.texts]
    # All of them in a few reads, so that the next crash does not wait: the API's own view is checked in the end.
    rows = dict(world.account.server.rows(
        "SELECT lower(hex(s.id)), p.bytes FROM knowledge_submissions AS s "
        "JOIN submission_payloads AS p ON p.submission_id = s.id"))
    jobs = {row[0] for row in world.account.server.rows("SELECT lower(hex(id)) FROM ingestion_jobs")}
    for text, submissions, approved in known:
        for submission in submissions:
            stored = rows.get(submission.replace("-", ""))
            stored = stored.encode() if isinstance(stored, str) else stored
            assert stored == text.body.encode(), f"submission {submission}"
        assert {job.replace("-", "") for job in approved} <= jobs
    if known:
        text, submissions, _ = known[-1]
        answer = world.account.call("GET", f"/submissions/{submissions[-1]}")
        assert answer["text"] == text.body


def check_documents(world: World) -> None:
    """Each text is exactly one document, byte for byte, however often it was handed in."""
    account = world.account
    documents: list[str] = []
    token = None
    while True:
        page = account.call("GET", "/documents", params={"pageSize": 200} | ({"pageToken": token} if token else {}))
        documents += [document["id"] for document in page.get("documents", [])]
        if not (token := page.get("nextPageToken")):
            break
    stored = [account.text(document) for document in documents]
    assert len(set(stored)) == len(stored), "a text became two documents"
    approved = {text.body.encode() for text in world.texts if text.jobs}
    known = {text.body.encode() for text in world.texts}
    assert approved <= set(stored) and set(stored) <= known | set(pending(account.server))
    for text in world.texts:
        for submission in text.submissions:
            assert account.call("GET", f"/submissions/{submission}")["text"] == text.body
        found = {account.finished(job)["documentId"] for job in text.jobs}
        assert len(found) <= 1, f"text {text.number} became {found}"
    assert account.server.rows("PRAGMA integrity_check") == [("ok",)]
    assert account.server.rows("SELECT count(*) - count(DISTINCT document_id) FROM document_revisions") == [(0,)]
    # No vector or chunk belongs to nothing.
    assert account.server.rows(
        "SELECT count(*) FROM document_chunks WHERE revision_row_id NOT IN (SELECT row_id FROM document_revisions)"
    ) == [(0,)]


def pending(server: Server) -> list[bytes]:
    """What was stored although its acknowledgement never arrived."""
    return [bytes(row[0]) for row in server.rows("SELECT bytes FROM submission_payloads")]


# SIGTERM


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


def test_sigterm_ends_streams_in_time_and_hands_a_running_job_back(
    binary: Path, tmp_path: Path, provider: Provider
) -> None:
    config = provider.config("shutdown: { grace: 2s }\n").replace("timeout: 2s", "timeout: 60s")
    provider.behave = provider.talks_until_left
    with running(binary, tmp_path, config=config) as server:
        ada = server.sign_up("ada")
        # Long enough that it cannot be done before the signal comes.
        text = "".join(f"Paragraph {number} is about vortices and wakes behind bodies.\n\n" for number in range(15_000))
        job = ada.approve(ada.submit("Long", text))
        with ada.open_stream(f"/jobs/{job}/events", None) as watched:
            for event in watched:
                if event.data["state"] in ("JOB_STATE_CHUNKING", "JOB_STATE_EMBEDDING"):
                    break
        with ada.open_stream("/chat", {"message": "What sheds vortices?"}) as stream:
            conversation = stream.until("started").data["conversationId"]
            stream.until("delta")
            begun = time.monotonic()
            assert server.terminate() == 0
            print(f"stopped {time.monotonic() - begun:.1f} s after SIGTERM, with 2 s of grace")
        assert provider.calls[-1].closed.wait(5)
        [(state, lease)] = server.rows("SELECT state, lease_owner FROM ingestion_jobs")
        assert (state, lease) == ("queued", None)
        server.start()
        stored = ada.messages(conversation)
        assert stored[-1]["finishReason"] == "cancelled" and stored[-1]["content"].startswith("word1 ")
        [(attempts,)] = server.rows("SELECT attempts FROM ingestion_jobs")
        assert attempts <= 1
        ada.submit("After", "It takes submissions again.")
        assert ada.finished(job, patience=300)["state"] == "JOB_STATE_INDEXED"


def test_sigterm_lets_an_answer_end_within_the_grace_time(binary: Path, tmp_path: Path, provider: Provider) -> None:
    def takes_a_second(call: Call) -> None:
        call.head()
        for number in range(10):
            call.send(chunk(f"word{number} "))
            time.sleep(0.1)
        call.send(DONE)

    provider.behave = takes_a_second
    with running(binary, tmp_path, config=provider.config("shutdown: { grace: 30s }\n")) as server:
        ada = server.sign_up("ada")
        with ada.open_stream("/chat", {"message": "What sheds vortices?"}) as stream:
            stream.until("delta")
            assert server.process
            server.process.send_signal(signal.SIGTERM)
            assert stream.until("completed").data["finishReason"] == "stop"
        assert server.process.wait(60) == 0
        server.process = None


# The command line


def test_an_ingest_that_is_killed_again_and_again_takes_each_file_once(binary: Path, tmp_path: Path) -> None:
    generator = random.Random(seed())
    folder = tmp_path / "files"
    folder.mkdir()
    # So many that no run is done before it is killed.
    texts = [Text.make(number, generator) for number in range(150)]
    for text in texts:
        (folder / f"{text.number}.md").write_text(text.body)
    (tmp_path / "opentier.yaml").write_text(CRASHING)
    command: list[str | Path] = [binary, "ingest", "--data", tmp_path / "data", folder]
    killed = 0
    for _ in range(6):
        process = subprocess.Popen(
            command, cwd=tmp_path, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(generator.uniform(0.3, 3))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
    assert killed >= 3
    done = subprocess.run(
        command, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "150 of 150 ingested, 0 failed\n"
    with running(binary, tmp_path, config=CRASHING) as server:
        ada = server.sign_up("ada")
        documents = ada.call("GET", "/documents", params={"pageSize": 200})["documents"]
        stored = sorted(ada.text(document["id"]).decode() for document in documents)
        assert stored == sorted(text.body for text in texts)
        assert all(document["revisionNumber"] == 1 for document in documents)
        # What the killed ones left behind ends as well, and changes nothing.
        deadline = time.monotonic() + 120
        while server.rows("SELECT count(*) FROM ingestion_jobs WHERE state NOT IN ('indexed', 'failed')")[0][0]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert server.rows("SELECT count(*) FROM ingestion_jobs WHERE state = 'failed'") == [(0,)]
        assert server.counts()["document_revisions"] == 150
