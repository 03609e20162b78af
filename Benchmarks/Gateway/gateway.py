#!/usr/bin/env python3
"""What this server adds between a client and a model, beside nginx in the same run.

The model is `upstream.c`, the client of streams is `sse.c`, that of whole answers is wrk. The server and nginx have the first
processor to themselves, the model and the clients the second. Authentication, quotas and metering are on; the offline
profile keeps them in SQLite. See README.md for what the figures mean.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

import machine  # noqa: E402
from processes import BenchmarkError, cpu_seconds, free_port, memory_kilobytes, serving  # noqa: E402

SERVED, OTHERS = 0, 1


@dataclass(frozen=True)
class Pace:
    """How the model speaks."""

    gap_ms: int
    tokens: int


# The rig's own, and one at which thousands of streams do not yet saturate a processor.
QUICK, SLOW = Pace(20, 64), Pace(400, 32)


@dataclass
class Hop:
    """Something between the client and the model."""

    name: str
    port: int
    pid: int
    token: str = "none"
    figures: dict[str, object] = field(default_factory=dict)

    @property
    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    @property
    def resident_kilobytes(self) -> int:
        return memory_kilobytes(self.pid)


def pinned(processor: int, command: list[str]) -> list[str]:
    """A command that runs on one processor."""
    return ["taskset", "-c", str(processor), *command]


@contextlib.contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program that listens on a port until the block ends."""
    with (folder / "programs.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            for _ in range(500):
                with contextlib.suppress(OSError):
                    http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
                    break
                time.sleep(0.01)
            else:
                raise BenchmarkError(f"{command} does not listen: {(folder / 'programs.log').read_text()[-2000:]}")
            yield process
        finally:
            process.terminate()
            process.wait()


def built(folder: Path) -> None:
    """Builds the model and the client."""
    for name in ("upstream", "sse"):
        subprocess.run(["gcc", "-O2", "-o", str(folder / name), str(HERE / f"{name}.c")], check=True)


def token_of(port: int) -> str:
    """Makes an account, and an API key of it."""

    def post(path: str, body: dict[str, object], token: str | None = None) -> dict[str, object]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise BenchmarkError(f"{path} answers {answer.status}: {text[:500]!r}")
        return json.loads(text)

    account = {"email": "a@example.org", "password": "correct horse battery", "displayName": "A"}
    session = post("/api/v1/auth/signup", account)["session"]["token"]
    return post("/api/v1/api-keys", {"name": "benchmark", "scopes": ["API_KEY_SCOPE_CHAT"]}, session)["secret"]


def whole_answers(hop: Hop, connections: int, seconds: int) -> dict[str, float]:
    """Answers that are not streamed, from wrk."""
    before = hop.cpu_seconds
    done = subprocess.run(
        pinned(OTHERS, [
            "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s", str(HERE / "post.lua"),
            f"http://127.0.0.1:{hop.port}/v1/chat/completions",
        ]), env=os.environ | {"TOKEN": hop.token, "MODEL": "mock"}, capture_output=True, text=True, check=True).stdout
    used = hop.cpu_seconds - before
    if "Non-2xx" in done or "Socket errors" in done:
        raise BenchmarkError(f"{hop.name}: {done}")
    requests = int(re.search(r"(\d+) requests in", done)[1])
    return {
        "cpu_us": used / requests * 1e6, "per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1]),
        "requests": requests,
    }


def streams(hop: Hop, folder: Path, pace: Pace, count: int, seconds: int, ramp: int) -> dict[str, float]:
    """Streams, all open at once, each followed by the next on its connection."""
    before = hop.resident_kilobytes
    done = subprocess.run(
        pinned(OTHERS, [
            str(folder / "sse"), str(hop.port), "/v1/chat/completions", hop.token, str(count), str(seconds), str(ramp),
            str(hop.pid),
        ]), capture_output=True, text=True, check=True).stdout

    def number(pattern: str) -> float:
        found = re.search(pattern, done)
        if not found:
            raise BenchmarkError(f"{hop.name}: {done}")
        return float(found[1])

    ended, tokens = number(r"streams=(\d+)"), number(r" tokens=(\d+)")
    return {
        "streams": ended, "tokens": tokens, "lost": ended * pace.tokens - tokens, "errors": number(r"errs=(\d+)"),
        "coalesced_percent": number(r"coalesced=([\d.]+)"), "cpu_us": number(r"cpu/token=([\d.]+)"),
        "first_p50_ms": number(r"TTFT.*?p50=([\d.]+)"), "first_p99_ms": number(r"TTFT.*?p99=([\d.]+)"),
        "transit_p50_ms": number(r"transit.*?p50=([\d.]+)"), "transit_p99_ms": number(r"transit.*?p99=([\d.]+)"),
        "kilobytes": (number(r"peak=(\d+)KB") - before) / count, "idle_kilobytes": before,
    }


@contextlib.contextmanager
def hops(binary: Path, folder: Path, pace: Pace) -> Iterator[list[Hop]]:
    """nginx and this server, before the same model."""
    model, proxy = free_port(), free_port()
    for name in ("body", "proxy", "f", "u", "s"):
        (folder / "tmp" / name).mkdir(parents=True)
    (folder / "nginx.conf").write_text(
        (HERE / "nginx.conf").read_text().replace("127.0.0.1:9001", f"127.0.0.1:{model}")
        .replace("127.0.0.1:9080", f"127.0.0.1:{proxy}"))
    (folder / "opentier.yaml").write_text(f"""
models:
  default: mock
  mock: {{ provider: openai, baseURL: "http://127.0.0.1:{model}/v1", model: mock, concurrency: 10000, queue: 10000 }}
log: {{ level: warning }}
quotas:
  user: {{ requestsPerMinute: 1000000, burst: 1000000, concurrentStreams: 10000, tokensPerDay: 100000000000 }}
""")
    # One event loop, as nginx has one worker.
    command = pinned(SERVED, ["env", "NIO_SINGLETON_GROUP_LOOP_COUNT=1", str(binary), "serve", "--port", "{port}", "--grpc-port", "0", "--data", str(folder / "data")])
    # The first token after 20 ms.
    upstream = pinned(
        OTHERS, [str(folder / "upstream"), str(model), str(pace.gap_ms * 1_000), str(pace.tokens), "20000"])
    nginx = pinned(SERVED, ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
    with running(upstream, model, folder), running(nginx, proxy, folder) as master, serving(
            command, folder, folder / "server.log", waits_for_model=False) as server:
        worker = int(subprocess.run(
            ["pgrep", "-P", str(master.pid)], capture_output=True, text=True, check=True).stdout.split()[0])
        yield [Hop("nginx", proxy, worker), Hop("opentier", server.port, server.process.pid, token_of(server.port))]


def measured(options: argparse.Namespace, folder: Path, pace: Pace) -> list[Hop]:
    """One round: both, taking turns."""
    connections, counts = (options.connections, options.streams) if pace is QUICK else ([], options.slow_streams)
    with hops(options.binary.resolve(), folder, pace) as both:
        for hop in both:
            # Not counted: what is made at first use is made.
            whole_answers(hop, 8, 1)
            streams(hop, folder, pace, 50, 2, 200)
            hop.figures["idle_kilobytes"] = hop.resident_kilobytes
        for count in connections:
            for hop in both:
                hop.figures[f"whole c={count}"] = whole_answers(hop, count, options.seconds)
        for count in counts:
            for hop in both:
                ramp = max(500, count * options.ramp // 1_000)
                # All are open before the first may end for good.
                hop.figures[f"streams n={count}, {pace.gap_ms} ms"] = streams(
                    hop, folder, pace, count, options.seconds + ramp // 1_000, ramp)
        time.sleep(options.rest)
        for hop in both:
            hop.figures["after_kilobytes"] = hop.resident_kilobytes
    return both


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=ROOT / ".build/release/opentier", help="the release binary")
    parser.add_argument("--seconds", type=int, default=8, help="how long each load lasts (default 8)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 32], help="of whole answers (default 1 32)")
    parser.add_argument(
        "--streams", type=int, nargs="*", default=[100, 300, 500], help="open at once, tokens 20 ms apart (default 100 300 500)")
    parser.add_argument(
        "--slow-streams", type=int, nargs="*", default=[5_000], help="the same, tokens 400 ms apart (default 5000)")
    parser.add_argument("--ramp", type=int, default=2_000, help="ms over which 1,000 streams begin (default 2000)")
    parser.add_argument("--rest", type=int, default=90, help="seconds before memory is read again (default 90)")
    parser.add_argument("--output", type=Path, help="where the rounds go, as JSON lines")
    options = parser.parse_args()
    for tool in ("nginx", "wrk", "gcc", "taskset", "pgrep"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: apt-get install nginx-light wrk gcc procps")
    about = machine.description(ROOT, options.binary)
    print(json.dumps(about | {"load": os.getloadavg()[0]}))
    paces = ([QUICK] if options.connections or options.streams else []) + ([SLOW] if options.slow_streams else [])
    for pace in paces * options.rounds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            built(folder)
            for hop in measured(options, folder, pace):
                line = json.dumps({"hop": hop.name, "load": os.getloadavg()[0]} | hop.figures)
                print(line, flush=True)
                if options.output:
                    with options.output.open("a") as lines:
                        lines.write(line + "\n")


if __name__ == "__main__":
    main()
