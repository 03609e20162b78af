#!/usr/bin/env python3
"""Kills replicas and restarts PostgreSQL under load, and checks that nothing acknowledged is lost, doubled or halved.

Usage: Tests/Chaos/chaos.py [--seconds 300] [--replicas 3] [--seed N] [--keep FOLDER]

Three replicas of `OPENTIER_BINARY` (default `.build/debug/opentier`) run over a PostgreSQL of their own, made from the
programs in `OPENTIER_TEST_POSTGRES_BIN` (`scripts/postgres-server` installs them). All the while clients submit,
approve, search and ask; replicas die by `kill -9` at random and come back; PostgreSQL is restarted twice, once in order
and once after a `kill -9`. In the end the database is held against what the clients know to be acknowledged. It prints
JSON lines and exits with 1 on any violation; everything stays on 127.0.0.1, and only what was started here is ended.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/Clients"))

from checks import HALF_VISIBLE, check_everything, wait_for_jobs  # noqa: E402
from cluster import Cluster  # noqa: E402
from journal import Journal  # noqa: E402
from load import Client, Refused  # noqa: E402
from postgres import administrator  # noqa: E402

READY_SECONDS = 5.0
AUTHORS, READERS, ASKERS = 3, 2, 2


def say(kind: str, **values: Any) -> None:
    print(json.dumps({"kind": kind} | values), flush=True)


def watch(cluster: Cluster, journal: Journal, stop: threading.Event) -> None:
    """Looks for a revision that is visible without all of its chunks."""
    while not stop.wait(0.3):
        try:
            found = cluster.database.rows(HALF_VISIBLE)
        except (RuntimeError, OSError):
            continue  # The database is away.
        if found:
            journal.violate(f"revisions were visible without all of their chunks: {found[:5]}")


def disturb(cluster: Cluster, seconds: float, generator: random.Random) -> tuple[int, list[dict[str, object]]]:
    """Kills and restarts until the time is over; the number of kills, and what was measured at each restart."""
    begun = time.monotonic()
    restarts = [(seconds / 3, signal.SIGINT), (2 * seconds / 3, signal.SIGKILL)]
    measured: list[dict[str, object]] = []
    kills = 0
    next_kill = begun + generator.uniform(1, 3)
    while (now := time.monotonic()) - begun < seconds or restarts:
        cluster.restart_due()
        cluster.notice_deaths()
        if restarts and now - begun >= restarts[0][0]:
            _, how = restarts.pop(0)
            # Once somebody starts while there is no database.
            victim = generator.choice(cluster.replicas) if how == signal.SIGKILL else None
            measured.append(cluster.restart_database(how, generator.uniform(1, 3), victim))
            kills += victim is not None
            next_kill = time.monotonic() + generator.uniform(0.5, 2)
        elif now >= next_kill:
            up = [replica for replica in cluster.replicas if replica.is_up]
            if up:
                cluster.kill(generator.choice(up), restart_after=generator.uniform(0, 2))
                kills += 1
            next_kill = now + generator.uniform(1, 4)
        time.sleep(0.02)
    return kills, measured


def run(options: argparse.Namespace, folder: Path) -> list[str]:
    """The whole run; its violations."""
    generator = random.Random(options.seed)
    journal = Journal()
    cluster = Cluster(options.binary, options.postgres, folder, options.replicas)
    stop = threading.Event()
    try:
        account = administrator(cluster.replicas[0].server)

        def client() -> Client:
            return Client(cluster, journal, account, random.Random(generator.random()))

        clients = [client() for _ in range(AUTHORS + READERS + ASKERS)]
        kinds = ["submit_and_approve"] * AUTHORS + ["search"] * READERS + ["ask"] * ASKERS
        threads = [
            each.repeat(getattr(each, kind), stop, 0.05) for each, kind in zip(clients, kinds, strict=True)]
        watcher = threading.Thread(target=watch, args=(cluster, journal, stop), daemon=True)
        watcher.start()
        kills, restarts = disturb(cluster, options.seconds, generator)
        cluster.all_up()
        stop.set()
        for thread in [*threads, watcher]:
            thread.join(90)
            if thread.is_alive():
                journal.violate("a client is still waiting for an answer")
        for restart in restarts:
            say("restart", **restart)
            slow = [seconds for seconds in restart["readyAfterSeconds"] if seconds > READY_SECONDS]  # type: ignore
            if slow:
                journal.violate(f"not ready within {READY_SECONDS:.0f} s of the database: {restart}")
        for text in journal.submitted():
            if not text.job:
                clients[0].approve(text, tries=20)
        settled = wait_for_jobs(cluster, journal)
        counts = check_everything(cluster, journal, clients[0])
        cluster.notice_deaths()
        cluster.stop()
        for replica in cluster.replicas:
            logs = "".join(path.read_text() for path in replica.server.folder.glob("stderr-*"))
            if cluster.postgres.password in logs:
                journal.violate(f"{replica.name} logged the database's password")
        say("disturbances", kills=kills, restarts=len(restarts), seconds=options.seconds)
        say("requests", outcomes=dict(sorted(journal.outcomes.items())),
            slowestSeconds={name: round(seconds, 2) for name, seconds in sorted(journal.slowest.items())})
        say("checked", settledSeconds=round(settled, 1), **counts)
        # Else nothing was tested.
        if kills < 3 or not all(counts[name] for name in ("approved", "jobsTriedAgain", "answers", "quotations")):
            journal.violate("too little happened for this run to mean anything")
    except Refused:
        journal.violate("the service refuses although everything is up")
    finally:
        stop.set()
        cluster.close()
    return journal.violations + cluster.violations


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300, help="how long there is load (default 300)")
    parser.add_argument("--replicas", type=int, default=3, choices=range(2, 9), metavar="2…8")
    parser.add_argument("--seed", type=int, default=None, help="that of an earlier run, to make the same choices")
    parser.add_argument("--keep", type=Path, default=None, help="a folder for the replicas' logs (default: none kept)")
    binary = os.environ.get("OPENTIER_BINARY", ROOT / ".build/debug/opentier")
    parser.add_argument("--binary", type=Path, default=binary)
    parser.add_argument("--postgres", type=Path, default=os.environ.get("OPENTIER_TEST_POSTGRES_BIN"))
    options = parser.parse_args()
    if not 20 <= options.seconds <= 3600:
        parser.error("--seconds is 20 to 3600")
    if not options.binary or not Path(options.binary).exists():
        parser.error(f"there is no binary at {options.binary}: run `swift build`, or set OPENTIER_BINARY")
    if not options.postgres:
        parser.error('there are no programs of PostgreSQL: eval "$(scripts/postgres-server start)"')
    options.binary = Path(options.binary).absolute()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    say("seed", seed=options.seed)
    # So that whatever ends this ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="opentier-chaos-") as temporary:
        violations = run(options, options.keep or Path(temporary))
    for violation in violations:
        say("violation", what=violation)
    say("result", result="failed" if violations else "passed", violations=len(violations), seed=options.seed)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
