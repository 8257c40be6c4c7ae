"""How much processor time the server has used: steadier than a rate on a machine that others use too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Seconds that processes were running."""

    own: float
    """Of the process itself."""
    below: float
    """Of all that descend from it, and of those that they have waited for: the server's own PostgreSQL."""


def read_processor_time(root: int) -> ProcessorTime:
    """Of the process and those below it, as /proc tells."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, list[int]] = {}
    for process, parent, used in _read_processes():
        children.setdefault(parent, []).append(process)
        ticks[process] = used
    below, open_processes = 0, children.get(root, [])
    while open_processes:
        process = open_processes.pop()
        below += sum(ticks[process])
        open_processes += children.get(process, [])
    second = os.sysconf("SC_CLK_TCK")
    return ProcessorTime(own=sum(ticks.get(root, [])[:2]) / second, below=below / second)


def _read_processes() -> Iterator[tuple[int, int, list[int]]]:
    """Every process, its parent, and its ticks: as user and system, and the same of its children that have ended."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # After the name, which is in parentheses and may hold anything.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        yield int(folder.name), int(fields[1]), [int(field) for field in fields[11:15]]
