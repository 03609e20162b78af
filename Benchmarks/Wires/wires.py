"""Measures one unary method, `AuthService.GetMe`, over every wire, and what the split adds to a search and an answer.

    python3 wires.py --binary PATH [--requests N] [--rounds N] [--no-peer] [--output FILE]

Needs h2load (Debian: nghttp2-client) and taskset; the peers need requirements.txt. The server runs on one core and
h2load on another, over loopback. Each wire is asked on one connection with one request at a time, and on 16 connections
with one request each. A request's CPU is user and system time of the server's process over the run, by the requests.

The peers (peer.py) are what the usual Python libraries make of the same method, and nginx answering a fixed body is the
floor of what h2load can do here. Prints JSON lines, then tables; writes the lines to --output.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

import machine  # noqa: E402
from client import Client  # noqa: E402
from processes import BenchmarkError, cpu_seconds, free_port, own_environment  # noqa: E402

SERVER_CORE, LOAD_CORE = "0", "1"
CONNECTIONS = (1, 16)
START_SECONDS, RUN_SECONDS = 60.0, 300.0
PROCEDURE = "/opentier.v1.AuthService/GetMe"
PASSWORD = "correct horse battery"


@dataclass
class Running:
    """A server's processes, and the ports that they listen on by name."""

    processes: list[subprocess.Popen[bytes]]
    ports: dict[str, int]

    @property
    def cpu_seconds(self) -> float:
        return sum(cpu_seconds(process.pid) for process in self.processes)


@contextlib.contextmanager
def started(command: list[str], folder: Path, core: str | None = SERVER_CORE) -> Iterator[subprocess.Popen[bytes]]:
    """A process on one core (or on all), ended when the block ends."""
    pinned = ["taskset", "-c", core, *command] if core else command
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(pinned, cwd=folder, env=own_environment(), stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes], path: str | None = None) -> None:
    """Waits until something answers: HTTP 200 at a path, or a connection."""
    import socket

    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchmarkError(f"the server ended with {process.returncode}")
        try:
            if path is None:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise BenchmarkError(f"nothing answers on port {port}")


def sign_up(port: int) -> str:
    account = {"email": "bench@example.org", "password": PASSWORD, "displayName": "Bench"}
    return Client(port).post("/api/v1/auth/signup", account)["session"]["token"]


@dataclass
class Wire:
    """How h2load asks the method."""

    name: str
    port: str
    path: str
    body: bytes | None
    headers: dict[str, str]
    is_http1: bool = True


WIRES = [
    Wire("REST", "http", "/api/v1/auth/me", None, {}),
    Wire(
        "Connect JSON", "http", PROCEDURE, b"{}",
        {"content-type": "application/json", "connect-protocol-version": "1"}),
    Wire(
        "Connect binary", "http", PROCEDURE, b"",
        {"content-type": "application/proto", "connect-protocol-version": "1"}),
    Wire("gRPC-Web", "http", PROCEDURE, struct.pack(">BI", 0, 0), {"content-type": "application/grpc-web+proto"}),
    Wire(
        "gRPC", "grpc", PROCEDURE, struct.pack(">BI", 0, 0), {"content-type": "application/grpc", "te": "trailers"},
        is_http1=False),
]


def load(wire: Wire, port: int, token: str, connections: int, requests: int, folder: Path) -> tuple[float, float]:
    """Runs h2load to its end.

    Gives the requests per second and the mean milliseconds of a request; any request that failed is an error.
    """
    command = ["taskset", "-c", LOAD_CORE, "h2load", "-t", "1", "-m", "1", "-c", str(connections), "-n", str(requests)]
    if wire.is_http1:
        command.append("--h1")
    if wire.body is not None:
        # An empty file would make a GET: h2load has its own switch for a POST without a body.
        if wire.body:
            body = folder / f"{wire.name}.body"
            body.write_bytes(wire.body)
            command += ["-d", str(body)]
        else:
            command += ["-H", ":method: POST", "-H", "content-length: 0"]
    for name, value in {**wire.headers, "authorization": f"Bearer {token}"}.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{wire.path}"], capture_output=True, text=True, timeout=RUN_SECONDS)
    rate = re.search(r"finished in [\d.]+m?s, ([\d.]+) req/s", done.stdout)
    good = re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", done.stdout)
    mean = re.search(r"time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)\s", done.stdout)
    if not rate or not mean or not good or int(good[1]) != requests:
        raise BenchmarkError(f"{wire.name}: not every request succeeded:\n{done.stdout}{done.stderr}")
    return float(rate[1]), float(mean[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[mean[2]]


class Results:
    """What was measured, as JSON lines."""

    def __init__(self) -> None:
        self.lines: list[dict] = []

    def add(self, side: str, measure: str, **values: object) -> None:
        line = {"side": side, "measure": measure, **values}
        self.lines.append(line)
        print(json.dumps(line), file=sys.stderr, flush=True)

    def cell(self, field: str, digits: int, **where: object) -> str:
        values = [
            line[field] for line in self.lines
            if field in line and all(line.get(name) == value for name, value in where.items())
        ]
        if not values:
            return "–"
        shown = f"{statistics.median(values):,.{digits}f}"
        return shown if len(values) == 1 else f"{shown} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def measure(
    side: str, wire: Wire, running: Running, token: str, connections: int, requests: int, number: int, folder: Path,
    results: Results,
) -> None:
    port = running.ports[wire.port]
    load(wire, port, token, connections, max(100, requests // 10), folder)
    before = running.cpu_seconds
    rate, mean = load(wire, port, token, connections, requests, folder)
    cpu = (running.cpu_seconds - before) / requests * 1e6
    results.add(
        side, "unary", wire=wire.name, connections=connections, round=number, requests=requests,
        requests_per_second=round(rate, 1), mean_ms=round(mean, 4), cpu_us=round(cpu, 1),
        load=round(os.getloadavg()[0], 2))


@contextlib.contextmanager
def opentier(binary: Path, folder: Path, *arguments: str, core: str | None = SERVER_CORE) -> Iterator[Running]:
    """The server, whole, with both ports."""
    folder.mkdir(parents=True, exist_ok=True)
    ports = {"http": free_port(), "grpc": free_port()}
    command = [
        str(binary), "serve", "--data", str(folder / "data"), "--port", str(ports["http"]), "--grpc-port",
        str(ports["grpc"]), *arguments,
    ]
    with started(command, folder, core) as process:
        wait_for(ports["http"], process, "/readyz")
        yield Running([process], ports)


def wires(binary: Path, work: Path, requests: int, rounds: int, with_peer: bool, results: Results) -> None:
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(opentier(binary, work / "opentier"))
        token = sign_up(ours.ports["http"])
        sides: list[tuple[str, dict[str, Running]]] = [("opentier", {wire.name: ours for wire in WIRES})]
        if with_peer:
            sides.append(("python", peers(stack, work, token)))
        floor = stack.enter_context(nginx(work / "nginx"))
        for number in range(rounds):
            for connections in CONNECTIONS:
                for wire in WIRES:
                    for side, running in sides:
                        measure(
                            side, wire, running[wire.name], token, connections, requests, number, work, results)
                measure("nginx", WIRES[0], floor, token, connections, requests, number, work, results)


def peers(stack: contextlib.ExitStack, work: Path, token: str) -> dict[str, Running]:
    """The Python servers, each in a process of its own."""
    stubs = work / "stubs"
    stubs.mkdir()
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I", str(ROOT / "proto"), f"--python_out={stubs}",
         f"--grpc_python_out={stubs}", "opentier/v1/auth.proto"], check=True)
    found: dict[str, Running] = {}
    for kind, names in (
        ("rest", ["REST"]), ("connect", ["Connect JSON", "Connect binary", "gRPC-Web"]), ("grpc", ["gRPC"])
    ):
        folder = work / f"peer-{kind}"
        folder.mkdir()
        port = free_port()
        process = stack.enter_context(
            started([sys.executable, str(HERE / "peer.py"), kind, str(port), str(stubs), token], folder))
        wait_for(port, process)
        running = Running([process], {"http": port, "grpc": port})
        found |= {name: running for name in names}
    return found


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[Running]:
    """nginx with one worker that answers a body of the same size."""
    folder.mkdir()
    port = free_port()
    body = json.dumps({"user": {"id": "019ac000-0000-7000-8000-000000000001", "email": "bench@example.org",
                                "displayName": "Bench", "role": "USER_ROLE_ADMIN",
                                "organizationId": "019ac000-0000-7000-8000-000000000002"}})
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{body}'; }} }}
}}
""")
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with started([program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")],
                 folder) as process:
        wait_for(port, process, "/api/v1/auth/me")
        yield Running([process], {"http": port})


# What the split adds


def fill(port: int, token: str) -> Client:
    """A few passages to be found, ingested."""
    client = Client(port, token)
    for number in range(20):
        text = f"Fact {number}: the boundary layer on plate {number} turns turbulent at a Reynolds number of {number}00,000."
        submission = client.post("/api/v1/submissions", {"title": f"Plate {number}", "text": text})["submission"]
        client.post(f"/api/v1/submissions/{submission['id']}/approve", {})
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = client.post("/api/v1/search", {"query": "plate 19", "mode": "SEARCH_MODE_LEXICAL", "limit": 50})
        if len(found.get("hits", [])) == 20:
            return client
        time.sleep(0.2)
    raise BenchmarkError("the passages were not ingested")


@contextlib.contextmanager
def divided(binary: Path, folder: Path) -> Iterator[Running]:
    """A gateway and an intelligence process over one data folder."""
    folder.mkdir(parents=True, exist_ok=True)
    http, inner, probes = free_port(), free_port(), free_port()
    data = ["--data", str(folder / "data")]
    with started(
        [str(binary), "serve", "--role", "intelligence", *data, "--port", str(probes), "--grpc-port", str(inner)],
        folder, None,
    ) as intelligence:
        wait_for(probes, intelligence, "/readyz")
        with started(
            [str(binary), "serve", "--role", "gateway", *data, "--port", str(http), "--grpc-port", str(free_port()),
             "--intelligence", f"127.0.0.1:{inner}"], folder, None,
        ) as gateway:
            wait_for(http, gateway, "/readyz")
            yield Running([gateway, intelligence], {"http": http})


def split(binary: Path, work: Path, requests: int, rounds: int, results: Results) -> None:
    """One search by words and one answer's first words at a time, whole and divided, in turns."""
    with contextlib.ExitStack() as stack:
        whole = stack.enter_context(opentier(binary, work / "whole", core=None))
        parts = stack.enter_context(divided(binary, work / "divided"))
        sides = []
        for name, running in (("whole", whole), ("divided", parts)):
            sides.append((name, running, fill(running.ports["http"], sign_up(running.ports["http"]))))
        for number in range(-1, rounds):
            for name, running, client in sides:
                client.reconnect()
                before = running.cpu_seconds
                times = [client.search(f"plate {turn % 20}", "lexical") * 1000 for turn in range(requests)]
                cpu = (running.cpu_seconds - before) / requests * 1e6
                firsts = [client.ask(f"When does plate {turn % 20} turn turbulent?")[0] * 1000 for turn in range(50)]
                if number < 0:
                    continue
                results.add(
                    name, "split", round=number, requests=requests, search_p50_ms=round(statistics.median(times), 3),
                    search_p95_ms=round(sorted(times)[int(len(times) * 0.95)], 3), search_cpu_us=round(cpu, 1),
                    first_delta_p50_ms=round(statistics.median(firsts), 2), load=round(os.getloadavg()[0], 2))


def tables(results: Results) -> str:
    rows = []
    for connections in CONNECTIONS:
        rows += [
            "", f"{connections} connection{'s' if connections > 1 else ''}:", "",
            "| wire | requests/s | CPU, µs | mean, ms | peer: requests/s | peer: CPU, µs |", "|---|---|---|---|---|---|",
        ]
        for wire in [*(wire.name for wire in WIRES), "floor"]:
            ours = {"side": "opentier", "wire": wire} if wire != "floor" else {"side": "nginx", "wire": "REST"}
            where = {**ours, "connections": connections}
            peer = {"side": "python", "wire": wire, "connections": connections}
            rows.append(
                f"| {'nginx, a fixed body' if wire == 'floor' else wire} "
                f"| {results.cell('requests_per_second', 0, **where)} | {results.cell('cpu_us', 0, **where)} "
                f"| {results.cell('mean_ms', 3, **where)} | {results.cell('requests_per_second', 0, **peer)} "
                f"| {results.cell('cpu_us', 0, **peer)} |")
    if any(line["measure"] == "split" for line in results.lines):
        rows += ["", "| | one process | gateway and intelligence |", "|---|---|---|"]
        for field, name, digits in (
            ("search_p50_ms", "search by words, p50, ms", 2), ("search_p95_ms", "search by words, p95, ms", 2),
            ("search_cpu_us", "search by words, CPU of all processes, µs", 0),
            ("first_delta_p50_ms", "first `delta`, p50, ms", 1),
        ):
            cells = [results.cell(field, digits, side=side, measure="split") for side in ("whole", "divided")]
            rows.append(f"| {name} | {cells[0]} | {cells[1]} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / ".build/release/opentier")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--no-split", action="store_true")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    if not 100 <= arguments.requests <= 1_000_000 or not 1 <= arguments.rounds <= 20:
        parser.error("--requests must be 100 to 1,000,000, and --rounds 1 to 20")
    for program in ("h2load", "taskset", "nginx"):
        if not shutil.which(program) and not os.access(f"/usr/sbin/{program}", os.X_OK):
            parser.error(f"{program} is not there (Debian: nghttp2-client, util-linux, nginx-light)")
    binary = arguments.binary.resolve()
    results = Results()
    results.add("both", "environment", **machine.description(ROOT, binary), load_before=os.getloadavg())
    try:
        with tempfile.TemporaryDirectory(prefix="opentier-wires-") as folder:
            wires(binary, Path(folder), arguments.requests, arguments.rounds, not arguments.no_peer, results)
            if not arguments.no_split:
                split(binary, Path(folder), max(200, arguments.requests // 20), arguments.rounds, results)
    except BenchmarkError as failure:
        sys.exit(f"bench: {failure}")
    output = arguments.output or HERE.parent / "results" / f"{datetime.date.today().isoformat()}-wires.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("".join(json.dumps(line) + "\n" for line in results.lines))
    print(tables(results))
    print(f"\nWritten to {output}", file=sys.stderr)


if __name__ == "__main__":
    main()
