"""What was counted, as text for Prometheus: by one process, or by each of those that serve at the same addresses.

A counter belongs to a process and begins anew with it, which Prometheus allows for only where it can tell them apart.
So figures of several processes are never added up here: each sample says by `process` whose it is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest

ANSWER_SECONDS = 2.0
"""How long a process may take to tell its figures; one that takes longer is left out."""


@dataclass(frozen=True, slots=True)
class Place:
    """One of several processes that serve at the same addresses: which, and of how many."""

    number: int
    processes: int
    folder: Path
    """Where each has a socket, named by its number, that tells its figures to the others; theirs alone."""

    def socket(self, number: int) -> str:
        """Where a process tells its figures."""
        return str(self.folder / str(number))


class Figures:
    """Tells what the processes counted: whichever of them is asked answers for all of them."""

    def __init__(self, registry: CollectorRegistry, place: Place | None) -> None:
        self._registry = registry
        self._place = place

    async def text(self) -> bytes:
        """In Prometheus' text format."""
        if self._place is None:
            return generate_latest(self._registry)
        asked = range(self._place.processes)
        answers = await asyncio.gather(*map(self._ask, asked))
        told = {number: text for number, text in zip(asked, answers, strict=True) if text is not None}
        return (merge(told) + _count(len(asked), len(told))).encode()

    @contextlib.asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Tells the other processes, inside of the block, what this one counted; where it is alone, nobody asks."""
        if self._place is None:
            yield
            return
        async with await asyncio.start_unix_server(self._answer, self._place.socket(self._place.number)):
            yield

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(generate_latest(self._registry))
            await writer.drain()
        writer.close()

    async def _ask(self, number: int) -> str | None:
        assert self._place is not None
        if number == self._place.number:
            return generate_latest(self._registry).decode()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._place.socket(number))
                with contextlib.closing(writer):
                    return (await reader.read()).decode()
        except OSError:  # it starts or has ended; TimeoutError is one, too
            return None


def merge(texts: Mapping[int, str]) -> str:
    """One text of what several processes told, each family once, each sample with the number of its process."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for number, text in texts.items():
        family, is_new = "", False
        for line in text.splitlines():
            if line.startswith("# HELP "):
                family = line.split(" ", 3)[2]
                is_new = family not in heads
                heads.setdefault(family, [])
            if not line.startswith("#"):
                samples.setdefault(family, []).append(_with_process(line, number))
            elif is_new:
                heads[family].append(line)
    return "".join(f"{line}\n" for family, head in heads.items() for line in [*head, *samples.get(family, ())])


def _with_process(sample: str, number: int) -> str:
    label = f'process="{number}"'
    name, brace, rest = sample.partition("{")
    if brace and " " not in name:
        return f"{name}{{{label},{rest}"
    name, _, value = sample.partition(" ")
    return f"{name}{{{label}}} {value}"


def _count(asked: int, answered: int) -> str:
    registry = CollectorRegistry()
    Gauge("headwater_processes", "Processes that serve at these addresses.", registry=registry).set(asked)
    about = "Those of them whose figures are told here."
    Gauge("headwater_processes_answering", about, registry=registry).set(answered)
    return generate_latest(registry).decode()
