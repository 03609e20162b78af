"""`opentier eval`: figures for people and scripts, a report that can be opened and compared, and what goes wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from test_cli import Shell, model  # noqa: F401 (a fixture)

COLLECTION = Path(__file__).parents[2] / "Benchmarks/Retrieval/followups"
MEASURES = {"ndcg10", "recall10", "recall100", "mrr"}


@pytest.fixture
def shell(binary: Path, tmp_path: Path) -> Shell:
    return Shell(binary, tmp_path)


def collection(shell: Shell, name: str, *, history: bool) -> Path:
    """The collection, with what was said before or without it."""
    folder = shell.folder / name
    folder.mkdir()
    for file in ("docs.jsonl", "qrels.tsv"):
        (folder / file).write_bytes((COLLECTION / file).read_bytes())
    queries = [json.loads(line) for line in (COLLECTION / "queries.jsonl").read_text().splitlines()]
    for query in queries:
        if not history:
            query.pop("history", None)
    (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    return folder


def test_a_report_holds_what_was_measured_and_is_compared(shell: Shell) -> None:
    with_history = collection(shell, "with <history>", history=True)
    without = collection(shell, "without", history=False)
    run = shell("eval", with_history, "--modes", "lexical", "--report", "with.html")
    assert re.search(r"^lexical +0\.\d{4}", run.stdout, re.M)
    [figures] = shell.lines("eval", without, "--modes", "lexical", "--report", "without.json")
    assert figures["topics"] == 32 and MEASURES <= figures.keys()
    assert all(figures[f"{name}Low"] <= figures[name] <= figures[f"{name}High"] for name in MEASURES)
    page = (shell.folder / "with.html").read_text()
    assert page.startswith("<!doctype html>") and "with &lt;history&gt;" in page and "<svg" in page
    assert not re.search(r"<script(?! type=\"application/json\")|src=|href=", page)
    report = json.loads((shell.folder / "without.json").read_text())
    assert [topic["id"] for topic in report["runs"][0]["topics"]][:2] == ["1", "2"]

    same = shell("eval", "--compare", "with.html", "with.html#lexical").stdout
    assert same.count("no difference shown") == 4


def test_what_was_said_before_makes_a_measurable_difference(shell: Shell, model: Path) -> None:  # noqa: F811
    for name, history in (("with", True), ("without", False)):
        shell("eval", collection(shell, name, history=history), "--modes", "hybrid", "--report", f"{name}.json")
    rows = {row["measure"]: row for row in shell.lines("eval", "--compare", "without.json", "with.json")}
    assert rows.keys() == MEASURES
    assert rows["ndcg10"]["verdict"] == "better" and rows["ndcg10"]["differenceLow"] > 0
    assert rows["ndcg10"]["worse"] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((), 2, "folder"),
        (("--compare", "a.json"), 2, "two reports"),
        (("--compare", "a.json", "b.json"), 3, "a.json"),
        (("--compare", "no.json", "no.json"), 2, "no report"),
        (("--compare", "old.json", "old.json"), 2, "format 0"),
        (("FOLDER", "--modes", "psychic"), 2, "psychic"),
        (("FOLDER", "--set", "retrieval.depth"), 2, "KEY=VALUE"),
        (("FOLDER", "--set", "retrieval.depth=0"), 2, "retrieval.depth"),
        (("FOLDER", "--report", "nowhere/at/all.html"), 3, "nowhere/at"),
    ],
)
def test_what_goes_wrong_says_so(shell: Shell, arguments: tuple[str, ...], status: int, words: str) -> None:
    (shell.folder / "no.json").write_text("{}")
    (shell.folder / "old.json").write_text(
        '{"format":0,"collection":"x","documents":0,"profile":"offline","version":"0","createdAt":"2026-01-01T00:00:00Z",'
        '"runs":[]}')
    given = [str(COLLECTION) if argument == "FOLDER" else argument for argument in arguments]
    assert words in shell("eval", *given, status=status).stderr
