"""What a benchmark ran on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from pathlib import Path

_DOCUMENT = json.dumps([{"name": f"column_{number}", "type": "VARCHAR", "nulls": number / 7} for number in range(40)])


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
        "json_loads_us": f"{_time_json():.1f}",
        "commit": commit.stdout.strip() if commit.returncode == 0 else "none",
    }


def _time_json() -> float:
    """Microseconds that `json.loads` takes of 2.7 kB at best, by which the Pythons of machines can be compared."""
    times = []
    for _ in range(500):
        started = time.perf_counter()
        json.loads(_DOCUMENT)
        times.append(time.perf_counter() - started)
    return min(times) * 1e6


def _read(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
