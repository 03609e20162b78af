"""Measures how long a reviewer waits to be told what a submission is like, among many documents, with the release binary.

Usage: Benchmarks/run similar [--binary PATH] [--documents N] [--pending N] [--rounds N] [--folder FOLDER]
The documents are made up, of 150 to 350 words each that are drawn by Zipf's law; there is no embedding model, so that
ingesting them takes minutes; a FOLDER that is named keeps them, and is taken as it is the next time. SQLite. Prints JSON, a
line a figure.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import machine  # noqa: E402
from client import Client  # noqa: E402
from ingest import sign_up  # noqa: E402
from processes import BenchmarkError, serving  # noqa: E402

VOCABULARY = 50_000


class Prose:
    """Texts of made-up words, the n-th most frequent word n times rarer than the first, frequent ones shorter than rare ones."""

    def __init__(self) -> None:
        syllables = [a + b for a in "bdfghklmnprstvwz" for b in ("a", "e", "i", "o", "u", "ar", "en", "is")]
        generator = random.Random(7)
        made = {"".join(generator.choices(syllables, k=generator.randint(1, 5))) for _ in range(2 * VOCABULARY)}
        self._words = sorted(made, key=lambda word: (len(word), word))[:VOCABULARY]
        self._weights = list(itertools.accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))

    def text(self, seed: int, words: int | None = None) -> list[str]:
        """The words of a text, the same for the same seed."""
        generator = random.Random(seed)
        return generator.choices(self._words, cum_weights=self._weights, k=words or generator.randint(150, 350))


def changed(words: list[str], share: float) -> str:
    """A text of which a share of the words, spread evenly, is another."""
    step = max(1, round(1 / share))
    return " ".join(f"other{index}" if index % step == 0 else word for index, word in enumerate(words))


def ingest(binary: Path, folder: Path, prose: Prose, count: int) -> dict[str, Any]:
    lines = folder / "documents.jsonl"
    with lines.open("w") as file:
        for number in range(count):
            file.write(json.dumps({"_id": str(number), "text": " ".join(prose.text(number))}) + "\n")
    start = time.perf_counter()
    run = subprocess.run(
        [binary, "ingest", "--data", folder / "data", lines], cwd=folder, capture_output=True, text=True)
    if run.returncode:
        raise BenchmarkError(run.stderr[-500:])
    seconds = time.perf_counter() - start
    size = (folder / "data/opentier.db").stat().st_size
    return {"figure": "ingested", "documents": count, "seconds": round(seconds, 1), "database_mb": size >> 20}


def admin(port: int) -> str:
    """A session of the first account, which is new or from the run before."""
    try:
        return sign_up(port)
    except BenchmarkError:
        credentials = {"email": "bench@example.org", "password": "correct horse battery"}
        token: str = Client(port).post("/api/v1/auth/signin", credentials)["session"]["token"]
        return token


class Reviewer:
    """An admin who submits and looks at what was submitted."""

    def __init__(self, port: int, token: str) -> None:
        self._client = Client(port, token)
        self._port, self._token = port, token

    def submit(self, text: str) -> str:
        answer = self._client.post("/api/v1/submissions", {"title": "A text", "text": text})
        identifier: str = answer["submission"]["id"]
        return identifier

    def look(self, submission: str) -> tuple[float, dict[str, Any]]:
        """The seconds until the submission was shown, and the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        start = time.perf_counter()
        connection.request("GET", f"/api/v1/submissions/{submission}", headers={"Authorization": f"Bearer {self._token}"})
        answer = json.loads(connection.getresponse().read())
        seconds = time.perf_counter() - start
        connection.close()
        if not answer.get("isCompared"):
            raise BenchmarkError(f"it was not compared: {answer}")
        return seconds, answer


def looks(
    name: str, reviewer: Reviewer, rounds: int, text: Callable[[int], str], expected: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """How long it takes to look at a fresh submission each, which must be found to be like what it is."""
    times, found = [], 0
    for index in range(rounds):
        seconds, answer = reviewer.look(reviewer.submit(text(index)))
        times.append(seconds * 1000)
        found += expected(answer)
    times.sort()
    return {
        "figure": name, "looks": rounds, "as_expected": found, "p50_ms": round(statistics.median(times), 1),
        "p95_ms": round(times[max(0, -(-95 * rounds // 100) - 1)], 1), "max_ms": round(times[-1], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--binary", type=Path, default=HERE.parent.parent / ".build/release/opentier")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--pending", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="where the documents are kept from run to run")
    arguments = parser.parse_args()
    binary, count, rounds = arguments.binary.resolve(), arguments.documents, arguments.rounds
    print(json.dumps({"machine": machine.description(HERE.parent.parent, binary)}), flush=True)
    prose = Prose()
    # /var/tmp is a disk where /tmp may be memory.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = arguments.folder.resolve() if arguments.folder else Path(name)
        os.environ["TMPDIR"] = name
        (folder / "opentier.yaml").write_text(f"embedding: {{ modelDirectory: {folder}/none }}\n")
        if not (folder / "data").exists():
            print(json.dumps(ingest(binary, folder, prose, count)), flush=True)
        command = [
            str(binary), "serve", "--port", "{port}", "--grpc-port", "0", "--data", str(folder / "data")]
        with serving(command, folder, folder / "log", waits_for_model=False) as service:
            reviewer = Reviewer(service.port, admin(service.port))
            step = max(1, count // rounds)
            figures = [
                looks("a near-duplicate of a document", reviewer, rounds,
                      lambda index: changed(prose.text(index * step), 0.05),
                      lambda answer: len(answer.get("similar", [])) == 1),
                looks("a text like no document", reviewer, rounds, lambda index: " ".join(prose.text(count + index)),
                      lambda answer: not answer.get("similar")),
                looks("a long text (100,000 words) like no document", reviewer, max(3, rounds // 10),
                      lambda index: " ".join(prose.text(2 * count + index, 100_000)),
                      lambda answer: not answer.get("similar")),
            ]
            for figure in figures:
                print(json.dumps(figure), flush=True)
            # Fresh ones, which nobody has looked at: then the first look makes their sketches, and the next has them.
            for number in range(arguments.pending):
                reviewer.submit(" ".join(prose.text(3 * count + number)))
            same = [" ".join(prose.text(4 * count)) for _ in range(2)]
            first = reviewer.submit(same[0])
            for label in ("the first look among pending submissions", "the second"):
                seconds, answer = reviewer.look(first)
                print(json.dumps({
                    "figure": label, "pending": answer.get("comparedSubmissions"), "ms": round(seconds * 1000, 1)}), flush=True)
            print(json.dumps(looks(
                "a near-duplicate of a pending submission", reviewer, rounds, lambda index: changed(prose.text(4 * count), 0.05),
                lambda answer: len(answer.get("similarSubmissions", [])) >= 1)), flush=True)
            print(json.dumps({"figure": "memory", "resident_mb": round(service.memory_megabytes(), 1)}), flush=True)


if __name__ == "__main__":
    main()
