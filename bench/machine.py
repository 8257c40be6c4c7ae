"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def describe_machine() -> dict[str, str]:
    """Processors, memory, load, versions: what a reader needs to know before comparing numbers."""
    models = [line.partition(":")[2].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    )
    return {
        "processors": f"{os.cpu_count()} x {models[0] if models else platform.machine()}",
        "memory_gib": f"{memory / 2**30:.0f}",
        "load_average_at_start": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        "commit": commit.stdout.strip() if commit.returncode == 0 else "none",
    }


def _read(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
