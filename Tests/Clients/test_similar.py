"""A reviewer is shown what a submission is much like, with the passage that both have."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from postgres import PRODUCTION, administrator
from support import QUICK, Account, Server, running
from test_backup import Place, make_place  # noqa: F401  (a fixture)


def prose(seed: int, count: int = 400) -> str:
    """Words as they come, with umlauts, another text for each seed."""
    generator = random.Random(seed)
    stems = generator.choices(["wing", "größe", "flow", "drag"], k=count)
    words = [f"{stem}{generator.randrange(4_000)}" for stem in stems]
    return " ".join(words) + "."


@contextlib.contextmanager
def serving(place: Place) -> Iterator[Server]:
    with running(
        place.binary, place.folder, profile=place.profile, config=PRODUCTION, environment=place.environment
    ) as server:
        yield server


def admin(server: Server) -> Account:
    return administrator(server) if server.profile == "production" else server.sign_up("ada")


def compared(account: Account, submission: str) -> list[dict[str, Any]]:
    answer = account.call("GET", f"/submissions/{submission}")
    assert answer["isCompared"] is True
    return answer.get("similar", [])


def near_duplicates_are_seen(ada: Account) -> None:
    text = prose(1)
    original = ada.publish("The original", text)
    for seed in range(2, 9):
        ada.publish(f"Other {seed}", prose(seed))
    words = text.split(" ")
    words[150] = "Something quite different here"
    near = ada.submit("Nearly the same", " ".join(words))
    similar, = compared(ada, near)
    assert similar["documentId"] == original["documentId"] and similar["title"] == "The original"
    assert 0.9 < similar["similarity"] < 1 and similar["isIdentical"] is False
    whole = ada.text(original["documentId"])
    assert whole[similar["startOffset"]:similar["endOffset"]].decode() == similar["sharedText"]
    assert similar["sharedText"] in text and len(similar["sharedText"]) > 1_000
    same = ada.upload("copy.txt", text.encode(), "text/plain")
    assert [found["isIdentical"] for found in compared(ada, same)] == [True]
    assert compared(ada, ada.submit("New", prose(99))) == []
    ada.call("POST", f"/submissions/{near}/reject", json={"note": "is there"})
    decided = ada.call("GET", f"/submissions/{near}")
    assert decided.get("similar", []) == [] and "isCompared" not in decided


def test_a_reviewer_sees_near_duplicates_and_the_shared_passage(make_place: Callable[[str], Place]) -> None:  # noqa: F811
    with serving(make_place("place")) as server:
        near_duplicates_are_seen(admin(server))


def test_a_reviewer_sees_near_duplicates_in_memory(binary: Path, tmp_path: Path) -> None:
    with running(binary, tmp_path, profile="memory", config=QUICK) as server:
        near_duplicates_are_seen(server.sign_up("ada"))


def test_a_reviewer_sees_that_another_pending_submission_is_nearly_the_same(
    make_place: Callable[[str], Place],  # noqa: F811
) -> None:
    place = make_place("place")
    with serving(place) as server:
        ada = admin(server)
        text = prose(1)
        first = ada.submit("First", text)
        ada.submit("Another", prose(2))
        words = text.split(" ")
        words[300] = "Something quite different here"
        second = ada.upload("second.txt", " ".join(words).encode(), "text/plain", title="Second")
        answer = ada.call("GET", f"/submissions/{second}")
        similar, = answer["similarSubmissions"]
        assert answer["comparedSubmissions"] == 2 and answer.get("similar", []) == []
        assert similar["submissionId"] == first and similar["title"] == "First"
        assert 0.9 < similar["similarity"] < 1 and similar["isIdentical"] is False
        assert similar["sharedText"] in text and len(similar["sharedText"]) > 1_000

        # The same at the command line.
        shown = json.loads(place("submissions", "similar", second, "--json").stdout)
        assert shown["similarSubmissions"] == answer["similarSubmissions"] and shown["submission"]["id"] == second
        told = place("submissions", "similar", second)
        assert f"pending   {first}" in told.stdout and "% alike  First" in told.stdout
        assert similar["sharedText"][:100] in told.stdout
        assert "2 other pending submissions" in told.stderr
        listed = json.loads(place("submissions", "list", "--status", "pending", "--json").stdout)
        assert {item["id"] for item in listed} >= {first, second}

        # What is decided is compared no more.
        ada.ingest(first)
        answer = ada.call("GET", f"/submissions/{second}")
        assert answer.get("similarSubmissions", []) == [] and len(answer["similar"]) == 1
        refused = place("submissions", "similar", first, status=1)
        assert "approved" in refused.stderr
        place("submissions", "similar", "00000000-0000-7000-8000-000000000000", status=3)
