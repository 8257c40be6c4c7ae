"""How many processes serve, as a setting."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from headwater.program.values import Unreadable, read_whole

AUTO = "auto"
MOST = 64
CGROUPS = Path("/sys/fs/cgroup")


def read_processes(text: str) -> int:
    """The number in the text, or that of the cores that may be used; raises Unreadable."""
    number = usable_cores() if text.lower() == AUTO else _read_number(text)
    if number > 1 and sys.platform != "linux":
        raise Unreadable("several processes share a port on Linux only", "leave it at 1")
    return number


def usable_cores(cgroups: Path = CGROUPS) -> int:
    """The cores that this process may run on or, where they are fewer, that its container may use; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for quota, period in (_version_2(cgroups), _version_1(cgroups)):
        if quota > 0 and period > 0:
            cores = min(cores, -(-quota // period))
    return max(cores, 1)


def _read_number(text: str) -> int:
    try:
        return read_whole(1, MOST)(text)
    except Unreadable as error:
        raise Unreadable(str(error), f"{error.way_out}, or {AUTO}") from error


def _version_2(cgroups: Path) -> tuple[int, int]:
    try:
        quota, period = (cgroups / "cpu.max").read_text().split()
        return int(quota), int(period)
    except (OSError, ValueError):  # `max` is no bound
        return 0, 0


def _version_1(cgroups: Path) -> tuple[int, int]:
    try:
        quota, period = ((cgroups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota), int(period)
    except (OSError, ValueError):
        return 0, 0
