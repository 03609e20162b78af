"""A backup holds what one moment held, and comes back byte for byte, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from files import pdf
from postgres import PRODUCTION, administrator, command, fresh_database, production
from support import Account, Server, check_quotations
from test_production import has_model

TEXTS = [
    "The quoll is spotted and hunts at night. 🦘", "Der Numbat frisst Termiten — täglich zwanzigtausend.",
    "The bilby digs spiral burrows.\n\n" + "Burrows are long and deep. " * 300,
]
MODES = ("SEARCH_MODE_LEXICAL", "SEARCH_MODE_SEMANTIC", "SEARCH_MODE_HYBRID")


@dataclass
class Place:
    """Where a server keeps its data."""

    binary: Path
    folder: Path
    profile: str
    environment: dict[str, str]

    def server(self) -> Server:
        return Server(self.binary, self.folder, config=PRODUCTION, profile=self.profile, environment=self.environment)

    def __call__(self, *arguments: str | Path, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        (self.folder / "opentier.yaml").write_text(PRODUCTION)
        environment = self.environment | {"OPENTIER_PROFILE": self.profile, "OPENTIER_DATA": str(self.folder / "data")}
        return command(self.binary, self.folder, *arguments, environment=environment, status=status)


@pytest.fixture(params=["offline", "production"])
def make_place(
    binary: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Place]]:
    """Makes empty places of one profile."""
    with contextlib.ExitStack() as stack:

        def make(name: str) -> Place:
            folder = tmp_path / name
            folder.mkdir()
            environment = {}
            if request.param == "production":
                url, binaries = (request.getfixturevalue(name) for name in ("postgres_url", "postgres_binaries"))
                database = stack.enter_context(fresh_database(url, binaries))
                environment = production(database.url, OPENTIER_DATABASE_TOOLS=str(binaries))
            return Place(binary, folder, request.param, environment)

        yield make


@contextlib.contextmanager
def serving(place: Place) -> Iterator[Server]:
    server = place.server().start()
    try:
        has_model(server)
        yield server
        server.close()
    finally:
        if server.process:
            server.kill()


def everything(account: Account, conversation: str) -> dict[str, Any]:
    """What a client can see: documents with their texts and revisions, hits, messages, submissions, jobs, sessions."""
    documents = account.call("GET", "/documents", params={"pageSize": 200})["documents"]
    modes = MODES if has_model(account.server) else MODES[:1]
    return {
        "documents": documents,
        "texts": {item["id"]: account.text(item["id"]) for item in documents},
        "revisions": {item["id"]: account.call("GET", f"/documents/{item['id']}/revisions") for item in documents},
        "hits": {mode: account.search("where do bilbies and numbats dig burrows", mode=mode) for mode in modes},
        "messages": account.messages(conversation),
        "submissions": account.call("GET", "/submissions", params={"pageSize": 200}),
        "sessions": account.call("GET", "/auth/sessions"),
        "user": account.call("GET", "/auth/me"),
    }


def filled(server: Server) -> tuple[Account, str]:
    """An admin who has published and asked."""
    ada = administrator(server) if server.profile == "production" else server.sign_up("ada")
    for number, text in enumerate(TEXTS):
        ada.publish(f"Text {number}", text, metadata={"tags": ["animals"]}, sourceUri=f"https://example.org/{number}")
    ada.publish("Text 0", TEXTS[0] + " And it climbs.", sourceUri="https://example.org/0")
    reply = ada.ask("What does the bilby dig?")
    assert reply.citations
    ada.submit("Pending", "Nobody has looked at it yet.")
    return ada, reply.started["conversationId"]


def test_what_was_backed_up_comes_back_the_same(make_place: Callable[[str], Place]) -> None:
    old, new = make_place("old"), make_place("new")
    archive = old.folder / "backup.tar"
    with serving(old) as server:
        ada, conversation = filled(server)
        before = everything(ada, conversation)
        assert "backed up: " in old("backup", archive).stdout
        assert everything(ada, conversation) == before
    with tarfile.open(archive) as tar:
        manifest = json.load(tar.extractfile("manifest.json") or io.BytesIO())
    assert manifest["migrations"] and archive.stat().st_mode & 0o077 == 0
    rows = {table["name"]: table["rows"] for table in manifest["tables"]}
    assert rows["documents"] == 3 and rows["document_revisions"] == 4 and rows["knowledge_submissions"] == 5
    # Written twice only where that is meant.
    assert "--force" in old("backup", archive, status=1).stderr
    shown = json.loads(old("backup", "--force", "--json", archive).stdout)
    assert {table["name"]: table["rows"] for table in shown["tables"]} == rows

    assert "restored and verified: " in new("restore", "--verify", archive).stdout
    with serving(new) as server:
        # The session that was open is open, the password is the same.
        again = ada.at(server)
        assert everything(again, conversation) == before
        check_quotations(again, before["hits"]["SEARCH_MODE_LEXICAL"])
        signed_in = server.sign_in("ada@example.org")
        assert "burrows" in signed_in.ask("What does the bilby dig?").text
        # And it goes on from there.
        job = signed_in.publish("Text 1", TEXTS[1] + " Er hat Streifen.", sourceUri="https://example.org/1")
        assert job["documentId"] in before["texts"]
        assert signed_in.call("GET", f"/documents/{job['documentId']}")["document"]["revisionNumber"] == 2
        pending = before["submissions"]["submissions"][0]["id"]
        assert signed_in.ingest(pending)["state"] == "JOB_STATE_INDEXED"


def test_the_pages_of_passages_and_citations_come_back(
    make_place: Callable[[str], Place], unavailable: Callable[[str], None]
) -> None:
    if shutil.which("pdftotext") is None:
        unavailable("not installed: pdftotext")
    old, new = make_place("old"), make_place("new")
    archive = old.folder / "backup.tar"
    notes = [["Field notes", "The kowari hunts at night."], ["Field notes"], ["Field notes", "The numbat eats termites."]]

    def places(account: Account, conversation: str) -> dict[str, Any]:
        """The pages of hits, and of what an answer that is kept has cited."""
        found = {word: account.search(word) for word in ("kowari", "numbat")}
        return {"hits": found, "messages": account.messages(conversation)}

    with serving(old) as server:
        ada = administrator(server) if server.profile == "production" else server.sign_up("ada")
        ada.ingest(ada.upload("notes.pdf", pdf(*notes), "application/pdf", title="Field notes"))
        reply = ada.ask("What does the numbat eat?")
        assert [citation["endPage"] for citation in reply.citations] == [3] * len(reply.citations) != []
        before = places(ada, reply.started["conversationId"])
        for word, page in (("kowari", 1), ("numbat", 3)):
            assert before["hits"][word][0]["startPage"] <= page <= before["hits"][word][0]["endPage"]
        assert before["messages"][-1]["citations"] == reply.citations
        old("backup", archive)
    new("restore", "--verify", archive)
    with serving(new) as server:
        again = ada.at(server)
        assert places(again, reply.started["conversationId"]) == before
        # An answer from what was restored names the pages as well.
        assert [each["endPage"] for each in again.ask("What does the numbat eat?").citations] == [
            each["endPage"] for each in reply.citations]


def test_a_backup_is_of_one_moment_while_requests_go_on(make_place: Callable[[str], Place]) -> None:
    old, new = make_place("old"), make_place("new")
    archive = old.folder / "backup.tar"
    acknowledged: list[tuple[float, str, str]] = []
    problems: list[str] = []
    stop = threading.Event()
    with serving(old) as server:
        ada, conversation = filled(server)

        def write(worker: int) -> None:
            number = 0
            try:
                while not stop.is_set():
                    number += 1
                    text = f"Marker {worker}x{number} was written while the backup ran. " * 20
                    submission = ada.submit(f"Marker {worker}x{number}", text)
                    acknowledged.append((time.monotonic(), submission, text))
                    ada.approve(submission)
            except Exception as problem:
                problems.append(repr(problem))

        threads = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        begun = time.monotonic()
        old("backup", archive)
        ended = time.monotonic()
        time.sleep(0.3)
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not problems
    new("restore", "--verify", archive)
    with serving(new) as server:
        ada = ada.at(server)
        # Jobs that were open in that moment are done now.
        deadline = time.monotonic() + 120
        while True:
            page: dict[str, Any] = {}
            stored = {}
            while not stored or "nextPageToken" in page:
                page = ada.call("GET", "/submissions", params={
                    "pageSize": 200, "pageToken": page.get("nextPageToken", "")})
                stored |= {item["id"]: item for item in page["submissions"]}
            jobs = [item["jobId"] for item in stored.values() if "jobId" in item]
            if all(ada.call("GET", f"/jobs/{job}")["job"]["state"] == "JOB_STATE_INDEXED" for job in jobs):
                break
            assert time.monotonic() < deadline
            time.sleep(0.2)
        during = 0
        for moment, submission, text in acknowledged:
            if submission in stored:
                assert moment < ended + 0.3 and ada.call("GET", f"/submissions/{submission}")["text"] == text
                during += moment > begun
            else:
                assert moment > begun, "what was acknowledged before the backup began is not in it"
        print(f"{len(acknowledged)} submissions in {ended - begun:.1f} s of backup, of which {during} are in it")
        assert len(acknowledged) > 5
        assert len(ada.messages(conversation)) == 2


def test_a_damaged_backup_is_refused_and_changes_nothing(make_place: Callable[[str], Place]) -> None:
    old, new = make_place("old"), make_place("new")
    archive = old.folder / "backup.tar"
    with serving(old) as server:
        filled(server)
    old("backup", archive)
    whole = archive.read_bytes()
    with tarfile.open(archive) as tar:
        payload = tar.getmembers()[1]
    checksum = whole.index(b"payloadSHA256") + 20
    flipped = [100, checksum, payload.offset_data, payload.offset_data + payload.size // 2,
               payload.offset_data + payload.size - 1]
    damaged = new.folder / "damaged.tar"
    variants = [bytearray(whole) for _ in flipped]
    for variant, place in zip(variants, flipped, strict=True):
        variant[place] ^= 1
    variants += [bytearray(whole[:len(whole) // 2]), bytearray(whole[:700]), bytearray(), bytearray(b"x" * 5000)]
    for number, variant in enumerate(variants):
        damaged.write_bytes(variant)
        run = new("restore", "--verify", damaged, status=1)
        assert "damaged" in run.stderr or "not a backup" in run.stderr, (number, run.stderr)
        assert run.stdout == ""
    assert new("restore", new.folder / "not-there.tar", status=3).stderr
    # The place is as empty as it was: a backup is taken without --force.
    new("restore", "--verify", archive)
    # A row that the manifest counts and the database's part does not have.
    with tarfile.open(archive) as tar:
        manifest = json.load(tar.extractfile("manifest.json") or io.BytesIO())
        content = (tar.extractfile(payload) or io.BytesIO()).read()
    next(table for table in manifest["tables"] if table["name"] == "documents")["rows"] += 1
    pack(damaged, manifest, payload.name, content)
    run = new("restore", "--verify", "--force", damaged, status=1)
    assert "documents" in run.stderr
    assert "restored and verified" in new("restore", "--verify", "--force", archive).stdout


def pack(archive: Path, manifest: dict[str, Any], payload: str, content: bytes) -> None:
    """Writes a backup of a manifest and what it speaks of."""
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in (("manifest.json", json.dumps(manifest).encode()), (payload, content)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("part", [0, 0.5, 0.98])
def test_what_no_tool_can_read_replaces_nothing(make_place: Callable[[str], Place], part: float) -> None:
    place = make_place("place")
    archive = place.folder / "backup.tar"
    with serving(place) as server:
        ada, conversation = filled(server)
        before = everything(ada, conversation)
    place("backup", archive)
    with tarfile.open(archive) as tar:
        manifest = json.load(tar.extractfile("manifest.json") or io.BytesIO())
        payload = tar.getmembers()[1]
        content = (tar.extractfile(payload) or io.BytesIO()).read()
    # The manifest agrees with what was cut off: only who reads the database's part can tell.
    content = content[:int(len(content) * part)]
    manifest["payloadBytes"] = len(content)
    manifest["payloadSHA256"] = hashlib.sha256(content).hexdigest()
    pack(archive, manifest, payload.name, content)
    run = place("restore", "--verify", "--force", archive, status=None)
    assert run.returncode != 0 and run.stderr and run.stdout == ""
    with serving(place) as server:
        assert everything(ada.at(server), conversation) == before


def test_what_holds_something_is_not_overwritten_without_force(make_place: Callable[[str], Place]) -> None:
    old, new = make_place("old"), make_place("new")
    archive = old.folder / "backup.tar"
    with serving(old) as server:
        ada, conversation = filled(server)
        before = everything(ada, conversation)
    old("backup", archive)
    with serving(new) as server:
        other = administrator(server, "eve") if server.profile == "production" else server.sign_up("eve")
        mine = other.publish("Mine", "The echidna has spines.")
    run = new("restore", "--verify", archive, status=1)
    assert "--force" in run.stderr and run.stdout == ""
    with serving(new) as server:
        assert other.at(server).search("echidna")[0]["documentId"] == mine["documentId"]
    new("restore", "--verify", "--force", archive)
    with serving(new) as server:
        assert everything(ada.at(server), conversation) == before
        assert ada.at(server).search("echidna") == []
        other.at(server).call("GET", "/auth/me", status=401)


def test_the_tools_of_postgresql_are_asked_for_where_they_are_missing(
    binary: Path, tmp_path: Path, postgres_url: str, postgres_binaries: Path
) -> None:
    with fresh_database(postgres_url, postgres_binaries) as database:
        command(binary, tmp_path, "migrate", "up", environment=production(database.url))
        environment = production(database.url, OPENTIER_DATABASE_TOOLS=str(tmp_path))
        run = command(binary, tmp_path, "backup", "backup.tar", environment=environment, status=5)
        assert "pg_dump" in run.stderr and "database.tools" in run.stderr
        assert not list(tmp_path.glob("backup.tar*"))


def test_a_backup_of_one_profile_is_refused_by_another(
    binary: Path, tmp_path: Path, postgres_url: str, postgres_binaries: Path
) -> None:
    offline = Place(binary, tmp_path, "offline", {})
    offline("migrate", "up")
    archive = tmp_path / "backup.tar"
    offline("backup", archive)
    with fresh_database(postgres_url, postgres_binaries) as database:
        environment = production(database.url, OPENTIER_DATABASE_TOOLS=str(postgres_binaries))
        run = command(binary, tmp_path, "restore", archive, environment=environment, status=1)
        assert "offline" in run.stderr or "SQLite" in run.stderr


def test_a_backup_that_does_not_hold_what_its_manifest_says_replaces_nothing(binary: Path, tmp_path: Path) -> None:
    place = Place(binary, tmp_path, "offline", {})
    place("ingest", write(tmp_path / "a.txt", "The quoll is spotted."))
    place("backup", tmp_path / "good.tar")
    place("ingest", write(tmp_path / "b.txt", "The numbat eats termites."))
    before = place("search", "numbat", "--json").stdout
    with tarfile.open(tmp_path / "good.tar") as archive:
        parts = {member.name: archive.extractfile(member).read() for member in archive.getmembers()}
    manifest = json.loads(parts["manifest.json"])
    next(table for table in manifest["tables"] if table["name"] == "documents")["rows"] += 1
    payload = next(name for name in parts if name != "manifest.json")
    pack(tmp_path / "bad.tar", manifest, payload, parts[payload])
    run = place("restore", "--verify", "--force", tmp_path / "bad.tar", status=1)
    assert "documents has 1 rows instead of 2" in run.stderr
    assert "numbat" in before and place("search", "numbat", "--json").stdout == before
    place("restore", "--verify", "--force", tmp_path / "good.tar")
    assert "numbat" not in place("search", "numbat", "--json").stdout


def write(file: Path, text: str) -> Path:
    """A file with a text."""
    file.write_text(text)
    return file
