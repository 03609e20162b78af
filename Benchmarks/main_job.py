"""Measures the main job with the release binary, beside a minimal Python stack in the same run.

Each figure is measured in rounds, both sides one after the other within a round, and reported as the median over the
rounds with the lowest and the highest. What else the machine did meanwhile is recorded beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import machine
import report
from client import Client
from processes import BenchmarkError, Service, busy_seconds, run_command, serving

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MODES = ("lexical", "semantic", "hybrid")
WARM_UP = 25
CLIENTS = 4
COMMAND_SECONDS = 1800.0
PASSWORD = "correct horse battery"


@dataclass
class Side:
    """One of the two that are compared."""

    name: str
    ingest: list[str]
    serve: list[str]
    has_chat: bool


def sides(arguments: argparse.Namespace) -> list[Side]:
    binary = str(arguments.binary.resolve())
    found = [
        Side(
            "opentier", [binary, "ingest", "{docs}", "--data", "{data}"],
            [binary, "serve", "--port", "{port}", "--data", "{data}"], True)
    ]
    if not arguments.no_peer:
        service = [sys.executable, str(HERE / "peer/service.py")]
        found.append(
            Side(
                "python", [*service, "ingest", "{docs}", "--data", "{data}"],
                [*service, "serve", "--port", "{port}", "--data", "{data}"], False))
    return found


class Results:
    """What was measured, as JSON lines."""

    def __init__(self) -> None:
        self.lines: list[dict] = []

    def add(self, side: str, measure: str, **values: object) -> None:
        line = {"side": side, "measure": measure, **values}
        self.lines.append(line)
        print(json.dumps(line), file=sys.stderr, flush=True)


@contextlib.contextmanager
def watched(*services: Service) -> Iterator[dict[str, float]]:
    """Notes the wall time, the services' processor time, and how many cores others used meanwhile."""
    noted: dict[str, float] = {}
    start, busy, own = time.perf_counter(), busy_seconds(), sum(os.times()[:4])
    used = [service.cpu_seconds for service in services]
    yield noted
    wall = time.perf_counter() - start
    cpu = sum(service.cpu_seconds for service in services) - sum(used)
    others = busy_seconds() - busy - cpu - (sum(os.times()[:4]) - own)
    noted.update(wall=wall, cpu=cpu, others=round(max(0.0, others / wall), 2))


def percentile(values: list[float], part: float) -> float:
    """The smallest value that at least this part of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(part * 100) // 100) - 1)]


def milliseconds(values: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(percentile(values, 0.50) * 1000, 3), "p95_ms": round(percentile(values, 0.95) * 1000, 3),
        "max_ms": round(max(values) * 1000, 3),
    }


def filled(command: list[str], **values: object) -> list[str]:
    """The command with what is known put in; `{port}` stays for the start."""
    for name, value in values.items():
        command = [part.replace("{" + name + "}", str(value)) for part in command]
    return command


def ingestion(everyone: list[Side], docs: Path, work: Path, rounds: int, results: Results) -> None:
    """The command line takes the collection into an empty folder; the last round's folders serve what follows."""
    documents = sum(1 for line in docs.read_text().splitlines() if line.strip())
    for number in range(rounds):
        for side in everyone:
            data = work / side.name / str(number)
            with watched() as noted:
                done = run_command(filled(side.ingest, docs=docs, data=data), work, COMMAND_SECONDS)
            results.add(
                side.name, "ingestion", round=number, documents=documents, seconds=round(done.wall_seconds, 2),
                documents_per_second=round(documents / done.wall_seconds, 2),
                documents_per_cpu_second=round(documents / done.cpu_seconds, 2), others=noted["others"],
                said=done.output.strip().splitlines()[-1][:120])


def starts(everyone: list[Side], work: Path, rounds: int, counts: dict[str, int], results: Results) -> None:
    """Starts with the ingested data, the sides taking turns; a first one that is not counted warms the page cache."""
    turns = max(counts.values())
    for turn in range(-1, turns):
        for side in everyone:
            if turn >= 0 and turn % (turns // counts[side.name]):
                continue
            command = filled(side.serve, data=work / side.name / str(rounds - 1))
            with serving(command, work, work / f"{side.name}.log") as service:
                if turn >= 0:
                    results.add(
                        side.name, "start", round=turn, ready_ms=round(service.ready_seconds * 1000, 1),
                        model_ms=round(service.model_seconds * 1000, 1), load=os.getloadavg()[0])


def client(side: Side, service: Service) -> Client:
    """A client; on our side that of an account which signs up first."""
    if not side.has_chat:
        return Client(service.port)
    account = {"email": "bench@example.org", "password": PASSWORD, "displayName": "Bench"}
    try:
        session = Client(service.port).post("/api/v1/auth/signup", account)["session"]
    except BenchmarkError:
        session = Client(service.port).post("/api/v1/auth/signin", account)["session"]
    return Client(service.port, session["token"])


def together(clients: list[Client], work: Callable[[Client, str], object], queries: list[str]) -> float:
    """Requests per second when each client asks every question, all at the same time."""
    failures: list[BaseException] = []

    def ask(one: Client, offset: int) -> None:
        try:
            one.reconnect()
            for query in queries[offset:] + queries[:offset]:
                work(one, query)
        except BaseException as failure:  # noqa: BLE001: raised again below, in the thread that waits
            failures.append(failure)

    threads = [
        threading.Thread(target=ask, args=(one, index * len(queries) // len(clients)))
        for index, one in enumerate(clients)
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return len(queries) * len(clients) / (time.perf_counter() - start)


def with_text(collection: Path, work: Path) -> Path:
    """The collection's documents without those that have no text, which an import refuses by name and exits with 1."""
    lines = [line for line in (collection / "docs.jsonl").read_text().splitlines() if line.strip()]
    kept = [line for line in lines if json.loads(line)["text"].strip()]
    if len(kept) < len(lines):
        print(f"bench: {len(lines) - len(kept)} of {len(lines)} documents have no text", file=sys.stderr)
    path = work / "docs.jsonl"
    path.write_text("\n".join(kept) + "\n")
    return path


def queries_of(collection: Path) -> list[str]:
    lines = (collection / "queries.jsonl").read_text().splitlines()
    return [json.loads(line)["text"] for line in lines if line.strip()]


def serving_figures(
    everyone: list[Side], work: Path, ingest_rounds: int, rounds: int, queries: list[str], results: Results
) -> None:
    """Latency of search in each mode and of an answer's first words, throughput, and memory after it all."""
    with contextlib.ExitStack() as stack:
        running = []
        for side in everyone:
            command = filled(side.serve, data=work / side.name / str(ingest_rounds - 1))
            service = stack.enter_context(serving(command, work, work / f"{side.name}.log"))
            results.add(side.name, "memory", when="model loaded", rss_mb=round(service.memory_megabytes(), 1))
            first = client(side, service)
            running.append((side, service, [first] + [first.another() for _ in range(CLIENTS - 1)]))
        for side, _, clients in running:
            for mode in MODES:
                for query in queries[:WARM_UP]:
                    clients[0].search(query, mode)
            if side.has_chat:
                for query in queries[:WARM_UP]:
                    clients[0].ask(query)
        for number in range(rounds):
            for mode in MODES:
                for side, service, clients in running:
                    clients[0].reconnect()
                    with watched(service) as noted:
                        times = [clients[0].search(query, mode) for query in queries]
                    results.add(
                        side.name, "search", mode=mode, round=number, **milliseconds(times),
                        cpu_ms=round(noted["cpu"] / len(times) * 1000, 3), others=noted["others"])
            for side, service, clients in running:
                if not side.has_chat:
                    continue
                with watched(service) as noted:
                    pairs = [clients[0].ask(query) for query in queries]
                results.add(
                    side.name, "first delta", round=number, **milliseconds([first for first, _ in pairs]),
                    cpu_ms=round(noted["cpu"] / len(pairs) * 1000, 3), others=noted["others"])
                results.add(side.name, "whole answer", round=number, **milliseconds([end for _, end in pairs]))
            for mode in ("lexical", "hybrid"):
                for side, service, clients in running:
                    with watched(service) as noted:
                        rate = together(clients, lambda one, query, mode=mode: one.search(query, mode), queries)
                    results.add(
                        side.name, "throughput", mode=mode, clients=CLIENTS, round=number,
                        requests_per_second=round(rate, 1), others=noted["others"])
        for side, service, _ in running:
            results.add(
                side.name, "memory", when="after the queries", rss_mb=round(service.memory_megabytes(), 1),
                anonymous_mb=round(service.memory_megabytes("RssAnon"), 1),
                peak_mb=round(service.memory_megabytes("VmHWM"), 1))


def embedders(arguments: argparse.Namespace, work: Path, results: Results) -> None:
    """The embedders alone, each in a process of its own."""
    commands = {}
    if not arguments.embedder:
        print("bench: our embedder alone is not measured: --embedder names no program", file=sys.stderr)
    else:
        commands["opentier"] = [str(arguments.embedder.resolve()), str(arguments.model)]
    if not arguments.no_peer:
        commands["python"] = [sys.executable, str(HERE / "peer/embedder.py")]
    for number in range(arguments.rounds):
        for name, command in commands.items():
            with watched() as noted:
                done = run_command(command, work, COMMAND_SECONDS)
            figures = json.loads(done.output.strip().splitlines()[-1])
            results.add(name, "embedder", round=number, **figures, others=noted["others"])


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Benchmarks/run", description=__doc__)
    parser.add_argument("--binary", type=Path, default=ROOT / ".build/release/opentier", help="the release binary")
    parser.add_argument(
        "--collection", type=Path, default=ROOT.parent / "shared/ir/cranfield", help="docs.jsonl and queries.jsonl")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of queries (default 5)")
    parser.add_argument("--ingest-rounds", type=int, default=3, help="rounds of ingestion (default 3)")
    parser.add_argument("--starts", type=int, default=20, help="starts of our server (default 20; the peer: a quarter)")
    parser.add_argument("--no-peer", action="store_true", help="measure our side alone; needs no Python packages")
    parser.add_argument("--embedder", type=Path, help="the built embedder-benchmark, to measure the embedder alone too")
    parser.add_argument("--embedder-only", action="store_true", help="measure nothing but the embedders")
    parser.add_argument(
        "--model", type=Path, default=Path.home() / ".cache/opentier/models/all-MiniLM-L6-v2",
        help="the embedding model's folder, for --embedder")
    parser.add_argument("--output", type=Path, help="where the JSON lines go (default results/<date>.json)")
    arguments = parser.parse_args()
    for name in ("rounds", "ingest_rounds", "starts"):
        if not 1 <= getattr(arguments, name) <= 100:
            parser.error(f"--{name.replace('_', '-')} must be 1 to 100")
    for path in filter(None, (None if arguments.embedder_only else arguments.binary, arguments.embedder)):
        if not os.access(path, os.X_OK):
            parser.error(f"{path} is not there: run `make release`, or name another")
    for name in ("docs.jsonl", "queries.jsonl"):
        if not (arguments.collection / name).is_file():
            parser.error(f"{arguments.collection / name} is not there: --collection names a folder in the BEIR layout")
    return arguments


def main() -> None:
    arguments = parsed()
    queries = queries_of(arguments.collection)
    results = Results()
    results.add("both", "environment", **machine.description(ROOT, arguments.binary), load_before=os.getloadavg())
    everyone = sides(arguments)
    counts = {"opentier": arguments.starts, "python": max(1, arguments.starts // 4)}
    try:
        with tempfile.TemporaryDirectory(prefix="opentier-bench-") as folder:
            work = Path(folder)
            if not arguments.embedder_only:
                run_command([str(arguments.binary.resolve()), "models", "fetch"], work, COMMAND_SECONDS)
                docs = with_text(arguments.collection, work)
                ingestion(everyone, docs, work, arguments.ingest_rounds, results)
                starts(everyone, work, arguments.ingest_rounds, counts, results)
                serving_figures(everyone, work, arguments.ingest_rounds, arguments.rounds, queries, results)
            embedders(arguments, work, results)
    except BenchmarkError as failure:
        sys.exit(f"bench: {failure}")
    results.add("both", "load", after=os.getloadavg())
    output = arguments.output or HERE / "results" / f"{datetime.date.today().isoformat()}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("".join(json.dumps(line) + "\n" for line in results.lines))
    print(report.markdown(results.lines))
    print(f"\nWritten to {output}", file=sys.stderr)


if __name__ == "__main__":
    main()
