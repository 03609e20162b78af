"""A reviewer is shown what a submission is much like, with the passage that both have."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from support import QUICK, Account, running


def prose(seed: int, count: int = 400) -> str:
    """Words as they come, with umlauts, another text for each seed."""
    generator = random.Random(seed)
    stems = generator.choices(["wing", "größe", "flow", "drag"], k=count)
    words = [f"{stem}{generator.randrange(4_000)}" for stem in stems]
    return " ".join(words) + "."


def compared(account: Account, submission: str) -> list[dict[str, Any]]:
    answer = account.call("GET", f"/submissions/{submission}")
    assert answer["isCompared"] is True
    return answer.get("similar", [])


@pytest.mark.parametrize("profile", ["offline", "memory"])
def test_a_reviewer_sees_near_duplicates_and_the_shared_passage(binary: Path, tmp_path: Path, profile: str) -> None:
    with running(binary, tmp_path, profile=profile, config=QUICK) as server:
        ada = server.sign_up("ada")
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
