"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path


def _first(pattern: str, path: str) -> str:
    found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    return found[1].strip() if found else "unknown"


def _said(command: list[str], folder: Path) -> str:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"


def description(root: Path, binary: Path) -> dict[str, object]:
    """Processor, memory, system, versions and commit."""
    swift = re.search(r"Swift version (\S+)", _said(["swift", "--version"], root))
    return {
        "cpu": _first(r"^model name\s*:\s*(.+)$", "/proc/cpuinfo"),
        "vector_extensions": [
            name for name in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")
            if re.search(rf"\b{name}\b", _first(r"^flags\s*:\s*(.+)$", "/proc/cpuinfo"))
        ],
        "cores": os.cpu_count(),
        "memory_gb": round(int(_first(r"^MemTotal:\s+(\d+)", "/proc/meminfo")) / 1024 / 1024, 1),
        "system": _first(r'^PRETTY_NAME="?([^"\n]+)', "/etc/os-release"),
        "kernel": platform.release(),
        "swift": swift[1] if swift else "unknown",
        "python": platform.python_version(),
        "commit": _said(["git", "rev-parse", "HEAD"], root) or "unknown",
        "changed_files": len(_said(["git", "status", "--porcelain", "--", "Sources"], root).splitlines()),
        "binary_mb": round(binary.stat().st_size / 1e6, 1) if binary.exists() else None,
    }
