"""A disk that fills up: clients and the operator are told, nothing is lost, and all is well once there is room."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from postgres import DRIVER_TEXT, Database, administrator, fresh_database, own_postgres, unprivileged
from support import Account, Server, error_of, running
from test_production import NO_MODEL

ADVICE = re.compile(r'"level":"error".*disk .*is full.*make room there')


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of 64 MiB, where one may be mounted."""
    folder = tmp_path_factory.mktemp("disk")
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root may mount the small file system that this test fills")
    # What leads to it must be open to the server's user.
    for parent in (folder, *folder.parents):
        if parent.is_relative_to(tmp_path_factory.getbasetemp().parent):
            parent.chmod(parent.stat().st_mode | 0o111)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m,mode=0777", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class FullDisk:
    """Fills a file system up to a few MiB, lets an account submit until it is refused, and makes room again."""

    def __init__(self, disk: Path, room: int = 4 << 20) -> None:
        self.ballast = disk / "ballast"
        with self.ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - room)

    def submit(self, account: Account) -> tuple[dict[str, str], httpx.Response]:
        """The texts that were acknowledged by the identifiers of their submissions, and the first refusal."""
        acknowledged = {}
        for number in range(100):
            # What cannot be compressed.
            text = os.urandom(300_000).hex()
            with account.client() as client:
                answer = client.post("/submissions", json={"title": f"Large {number}", "text": text})
            if answer.status_code != 200:
                return acknowledged, answer
            acknowledged[answer.json()["submission"]["id"]] = text
        pytest.fail("the disk does not fill")

    def make_room(self) -> None:
        self.ballast.unlink()


def check_refusal(answer: httpx.Response, server: Server) -> None:
    """The client hears that storage is full and nothing of the driver's; the operator hears what to do."""
    assert "storage is full" in error_of(answer, 503, "unavailable")
    assert not DRIVER_TEXT.search(answer.text) and "SQLite" not in answer.text
    assert any(ADVICE.search(line) for line in server.log().splitlines()), server.log()


def check_nothing_is_lost(account: Account, acknowledged: dict[str, str], stored: Callable[[str], str]) -> None:
    listed = account.call("GET", "/submissions", params={"pageSize": 200})["submissions"]
    assert {submission["id"] for submission in listed} == set(acknowledged)
    for identifier, text in acknowledged.items():
        assert stored(identifier) == text


def test_postgresql_without_room_for_its_tables(
    postgres_binaries: Path, small_disk: Path, start_replica: Callable[..., Server]
) -> None:
    space = small_disk / "space"
    space.mkdir()
    if unprivileged():
        shutil.chown(space, "nobody")
    with own_postgres(postgres_binaries) as server:
        Database(server.url, server.binaries).execute(f"CREATE TABLESPACE small LOCATION '{space}'")
        with fresh_database(server.url, server.binaries, "TABLESPACE small") as database:
            replica = start_replica(database.url, **NO_MODEL)
            ada = administrator(replica)
            disk = FullDisk(small_disk)
            acknowledged, refused = disk.submit(ada)
            check_refusal(refused, replica)
            query = "SELECT convert_from(bytes, 'UTF8') FROM submission_payloads WHERE submission_id = '{}'"
            check_nothing_is_lost(ada, acknowledged, lambda identifier: database.value(query.format(identifier)))
            disk.make_room()
            ada.publish("Room", "There is room for a numbat again.")
            assert ada.search("numbat", mode="SEARCH_MODE_LEXICAL")
            replica.close()


def test_sqlite_without_room_for_its_file(binary: Path, small_disk: Path, tmp_path: Path) -> None:
    # The log goes elsewhere.
    (small_disk / "data").mkdir(mode=0o700)
    (tmp_path / "data").symlink_to(small_disk / "data")
    with running(binary, tmp_path, environment=NO_MODEL) as server:
        ada = server.sign_up()
        disk = FullDisk(small_disk)
        acknowledged, refused = disk.submit(ada)
        check_refusal(refused, server)
        query = "SELECT bytes FROM submission_payloads WHERE submission_id = ?"
        check_nothing_is_lost(
            ada, acknowledged, lambda identifier: server.rows(query, uuid.UUID(identifier).bytes)[0][0].decode())
        # The write-ahead log may still have room for something small; one that is refused is told alike.
        with ada.client() as client:
            for _ in range(3):
                answer = client.post("/submissions", json={"title": "Again", "text": os.urandom(300_000).hex()})
                assert "storage is full" in error_of(answer, 503, "unavailable")
        assert httpx.get(f"{server.url}/healthz", timeout=30).status_code == 200
        disk.make_room()
        ada.publish("Room", "There is room for a numbat again.")
        assert ada.search("numbat", mode="SEARCH_MODE_LEXICAL")
        assert server.rows("PRAGMA integrity_check") == [("ok",)]
