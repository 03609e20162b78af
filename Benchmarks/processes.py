"""Starting, watching and stopping what is measured; everything listens on 127.0.0.1 and ends by its own handle."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 120.0
STOP_SECONDS = 30.0
TICKS = os.sysconf("SC_CLK_TCK")


class BenchmarkError(Exception):
    """Something answered otherwise than it must, so that a figure would mean nothing."""


@dataclass
class Finished:
    """What a command took."""

    wall_seconds: float
    cpu_seconds: float
    output: str


@dataclass
class Service:
    """A running server, and how long it took from exec to its answers."""

    process: subprocess.Popen[bytes]
    port: int
    ready_seconds: float
    model_seconds: float

    @property
    def cpu_seconds(self) -> float:
        """The processor time it has used, user and system."""
        return cpu_seconds(self.process.pid)

    def memory_megabytes(self, name: str = "VmRSS") -> float:
        """A memory figure of /proc/PID/status: VmRSS now, VmHWM at its highest, RssAnon without mapped files."""
        return memory_kilobytes(self.process.pid, name) / 1024


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_kilobytes(pid: int, name: str = "VmRSS") -> int:
    """A memory figure of a process, as /proc/PID/status has it."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    if not found:
        raise BenchmarkError(f"/proc/{pid}/status has no {name}")
    return int(found[1])


def busy_seconds() -> float:
    """The processor time that the whole machine has used, and what its host took away."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def own_environment() -> dict[str, str]:
    """The caller's environment without settings of this project, so that defaults are measured.

    OpenMP's threads, which only the peer has, wait without spinning: on a machine that does something else as well
    the peer is several times slower otherwise.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENTIER_")}
    return kept | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_WAIT_POLICY": "PASSIVE"}


def run_command(command: list[str], folder: Path, timeout: float) -> Finished:
    """Runs a command to its end, which must be a good one."""
    before = os.times()
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=own_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    wall = time.perf_counter() - start
    after = os.times()
    output = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}:\n{output[-2000:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Finished(wall, cpu, output)


def free_port() -> int:
    """A port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _readiness(port: int) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        checks = json.loads(answer.read()).get("checks", [])
        return answer.status, {check["name"]: check["state"] for check in checks}
    except (ConnectionError, socket.timeout, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()


@contextlib.contextmanager
def serving(
    command: list[str], folder: Path, log: Path, waits_for_model: bool = True
) -> Iterator[Service]:
    """Runs a server on a free port until the block ends; `{port}` in the command is the port.

    Readiness is asked for every 2 ms, until `/readyz` answers 200 and then, where the model is waited for, until its check
    `embedder` is `ok`.
    """
    port = free_port()
    arguments = [part.replace("{port}", str(port)) for part in command]
    with log.open("ab") as stream:
        start = time.perf_counter()
        process = subprocess.Popen(arguments, cwd=folder, env=own_environment(), stdout=stream, stderr=stream)
        try:
            ready = model = 0.0
            while not model:
                time.sleep(0.002)
                status, checks = _readiness(port)
                now = time.perf_counter() - start
                ready = ready or (now if status == 200 else 0.0)
                model = now if checks.get("embedder") == "ok" or (ready and not waits_for_model) else 0.0
                if process.poll() is not None or now > START_SECONDS:
                    raise BenchmarkError(f"{arguments[0]} is not ready:\n{log.read_text(errors='replace')[-2000:]}")
            yield Service(process, port, ready, model)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
