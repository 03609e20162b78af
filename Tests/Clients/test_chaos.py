"""The short form of Tests/Chaos: replicas die, PostgreSQL restarts, and nothing that was acknowledged is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

SECONDS = 40


def test_replicas_die_and_the_database_restarts_and_nothing_acknowledged_is_lost(
    binary: Path, postgres_binaries: Path
) -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "Tests/Chaos/chaos.py", "--seconds", str(SECONDS), "--binary", binary, "--postgres",
         postgres_binaries, *(["--seed", seed] if (seed := os.environ.get("OPENTIER_CHAOS_SEED")) else [])],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS + 400)
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout.splitlines()[-1])["result"] == "passed"
