"""What the server's processes use: memory, and processor time, which is steadier than a rate on a busy machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Seconds that processes were running."""

    own: float
    """Of the process itself, and of others of its program below it."""
    below: float
    """Of PostgreSQL's processes below it, and of those that they have waited for."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of the server's process that has the most, PostgreSQL's left out."""

    now: float
    """The proportional share: what it shares with others is divided among them."""
    peak: float
    """The greatest resident set since it started."""


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    ticks: tuple[int, ...]
    """As user and system, and the same of its children that have ended."""
    is_postgres: bool


def read_processor_time(root: int) -> ProcessorTime:
    """Of the process and those below it, as /proc tells."""
    family = _find_family(root)
    own = sum(sum(process.ticks[:2]) for process in family.values() if not process.is_postgres)
    below = sum(sum(process.ticks) for process in family.values() if process.is_postgres)
    second = os.sysconf("SC_CLK_TCK")
    return ProcessorTime(own=own / second, below=below / second)


def read_memory(root: int) -> Memory:
    """Of the process and those of its program below it, as /proc tells."""
    processes = [number for number, process in _find_family(root).items() if not process.is_postgres]
    return Memory(
        now=max(_read_kilobytes(number, "smaps_rollup", "Pss:") for number in processes) / 1_000,
        peak=max(_read_kilobytes(number, "status", "VmHWM:") for number in processes) / 1_000,
    )


def _find_family(root: int) -> dict[int, _Process]:
    """The process and all that descend from it, by number."""
    processes = dict(_read_processes())
    children: dict[int, list[int]] = {}
    for number, process in processes.items():
        children.setdefault(process.parent, []).append(number)
    family, waiting = {}, [root]
    while waiting:
        number = waiting.pop()
        if number in processes:
            family[number] = processes[number]
            waiting += children.get(number, [])
    return family


def _read_processes() -> Iterator[tuple[int, _Process]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name is in parentheses and may hold anything.
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue  # it has ended
        fields = rest.split()
        yield int(folder.name), _Process(int(fields[1]), tuple(map(int, fields[11:15])), name == "postgres")


def _read_kilobytes(process: int, file: str, key: str) -> int:
    try:
        lines = Path(f"/proc/{process}/{file}").read_text().splitlines()
    except OSError:
        return 0  # it has ended
    return next((int(line.split()[1]) * 1024 // 1000 for line in lines if line.startswith(key)), 0)
