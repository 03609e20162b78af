"""A job that has failed for good is seen, understood and tried again at the command line; events are read there."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from postgres import QUICK, Database, administrator
from support import Account, Server, running
from test_backup import Place, make_place  # noqa: F401  (a fixture)

ONCE = QUICK + "ingestion: { maximumAttempts: 1 }\n"


class Site:
    """A web server on loopback that answers with an error until it is mended."""

    def __init__(self) -> None:
        self.works = False
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = b"The potoroo digs for truffles."
                self.send_response(200 if site.works else 503)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def place(make_place: Callable[[str], Place]) -> Place:  # noqa: F811
    return make_place("place")


@pytest.fixture
def server(place: Place, site: Site) -> Iterator[Server]:
    """A server that may fetch from the site, and gives up after one attempt."""
    config = ONCE + f"egress: {{ allow: ['{site.address}'] }}\n"
    with running(
        place.binary, place.folder, config=config, profile=place.profile, environment=place.environment
    ) as server:
        yield server


@pytest.fixture
def ada(server: Server) -> Account:
    return administrator(server) if server.profile == "production" else server.sign_up("ada")


def failed_jobs(place: Place) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(place("jobs", "list", "--state", "failed", "--json").stdout)
    return found


def figures(server: Server) -> dict[str, float]:
    """The samples of the metrics that have no labels."""
    lines = httpx.get(f"{server.url}/metrics", timeout=30).text.splitlines()
    return {name: float(value) for name, value in (line.split() for line in lines if line[0] != "#" and "{" not in line)}


def until_dead_letters(server: Server, count: int) -> dict[str, float]:
    """The metrics once they tell so many dead letters; they may be a second old."""
    deadline = time.monotonic() + 10
    while (found := figures(server))["ingestion_dead_letters"] != count:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def test_dead_letters_are_counted_until_they_are_retried(place: Place, ada: Account, site: Site) -> None:
    server = ada.server
    assert until_dead_letters(server, 0)["ingestion_dead_letters_oldest_seconds"] == 0
    address = f"http://{site.address}/potoroo.txt"
    jobs = []
    for title in ("First", "Second"):
        submission = ada.call("POST", "/submissions", json={"title": title, "url": address})["submission"]["id"]
        jobs.append(ada.approve(submission))
        assert ada.finished(jobs[-1])["state"] == "JOB_STATE_FAILED"
    age = until_dead_letters(server, 2)["ingestion_dead_letters_oldest_seconds"]
    assert 0 < age < 60
    time.sleep(1.1)
    assert until_dead_letters(server, 2)["ingestion_dead_letters_oldest_seconds"] > age
    site.works = True
    place("jobs", "retry", jobs[0])
    assert ada.finished(jobs[0])["state"] == "JOB_STATE_INDEXED"
    until_dead_letters(server, 1)
    place("jobs", "retry", "--all-failed")
    assert until_dead_letters(server, 0)["ingestion_dead_letters_oldest_seconds"] == 0
    text = httpx.get(f"{server.url}/metrics").text
    assert "\n# TYPE ingestion_dead_letters gauge\n" in text


def test_a_file_without_text_fails_for_good_and_says_why(place: Place, ada: Account) -> None:
    assert failed_jobs(place) == []
    ada.publish("Good", "The quoll is spotted.")
    job = ada.approve(ada.upload("blank.txt", b" \n ", "text/plain", title="Blank"))
    state = ada.finished(job)
    assert state["state"] == "JOB_STATE_FAILED"
    [failed] = failed_jobs(place)
    assert failed["id"] == job and failed["state"] == "JOB_STATE_FAILED" and failed["error"] == state["error"]
    shown = json.loads(place("jobs", "show", job, "--json").stdout)
    assert shown["id"] == job and "no text" in shown["error"]
    words = place("jobs", "show", job).stdout
    assert "no text" in words and "failed" in words
    assert job in place("jobs", "list", "--state", "failed").stdout
    assert len(json.loads(place("jobs", "list", "--json").stdout)) == 2
    # Again does no better, but it is tried.
    assert place("jobs", "retry", "--all-failed").stdout == "1 job is queued again\n"
    assert ada.finished(job)["state"] == "JOB_STATE_FAILED"
    [failed] = failed_jobs(place)
    assert failed["id"] == job


def test_a_job_whose_cause_has_passed_is_tried_again(place: Place, ada: Account, site: Site) -> None:
    address = f"http://{site.address}/potoroo.txt"
    submission = ada.call("POST", "/submissions", json={"title": "Potoroos", "url": address})["submission"]["id"]
    job = ada.approve(submission)
    assert ada.finished(job)["state"] == "JOB_STATE_FAILED"
    site.works = True
    [retried] = json.loads(place("jobs", "retry", job, "--json").stdout)
    assert retried["id"] == job and retried["state"] != "JOB_STATE_FAILED"
    state = ada.finished(job)
    assert state["state"] == "JOB_STATE_INDEXED" and not state.get("error")
    assert ada.search("potoroo truffles")[0]["documentId"] == state["documentId"]
    assert failed_jobs(place) == []
    # Only what has failed is tried again.
    assert "failed" in place("jobs", "retry", job, status=1).stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["jobs", "show", "00000000-0000-7000-8000-000000000000"], 3, "job"),
        (["jobs", "retry", "00000000-0000-7000-8000-000000000000"], 3, "job"),
        (["jobs", "show", "nonsense"], 2, "nonsense"),
        (["jobs", "list", "--state", "lost"], 2, "failed"),
        (["jobs", "retry"], 2, "--all-failed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_goes_wrong_has_its_exit_status(
    place: Place, arguments: list[str], status: int, words: str
) -> None:
    place("migrate", "up")
    run = place(*arguments, status=status)
    assert words in run.stderr and run.stdout == ""


def test_events_are_printed_once_in_their_order(place: Place, ada: Account, site: Site) -> None:
    job = ada.publish("Quolls", "The quoll is spotted.", sourceUri="https://example.org/quoll")
    ada.publish("Quolls", "The quoll is spotted and climbs.", sourceUri="https://example.org/quoll")
    rejected = ada.submit("Pigs", "Pigs fly at dawn.")
    ada.call("POST", f"/submissions/{rejected}/reject", json={"note": "They do not."})
    ada.finished(ada.approve(ada.upload("blank.txt", b" \n ", "text/plain", title="Blank")))
    ada.call("DELETE", f"/documents/{job['documentId']}")
    lines = [json.loads(line) for line in place("events", "tail", "--json").stdout.splitlines()]
    assert [line["kind"] for line in lines] == [
        *["submission.created", "submission.approved", "document.published"],
        *["submission.created", "submission.approved", "document.revised"],
        *["submission.created", "submission.rejected"],
        *["submission.created", "submission.approved", "job.failed"], "document.deleted"]
    assert len({line["id"] for line in lines}) == len(lines)
    assert all(line["organizationId"] == ada.user["organizationId"] for line in lines)
    # What was printed was handed on.
    assert place("events", "tail", "--json").stdout == ""
    ada.submit("After", "Something new has happened.")
    [line] = [json.loads(line) for line in place("events", "tail", "--json").stdout.splitlines()]
    assert line["kind"] == "submission.created"


def test_an_event_holds_no_text_of_a_document(
    postgres: Database, start_replica: Callable[..., Server], tmp_path: Path
) -> None:
    ada = administrator(start_replica(postgres.url))
    ada.publish("Vaults", "The secretword lies in the vault.")
    assert postgres.value("SELECT count(*) FROM outbox") == 3
    assert "secretword" not in postgres.psql("SELECT * FROM outbox")
