"""What this machine has to tell a server that was away: kept in the user's state folder until some later call sends it.

Each server has a folder of its own, by its address, and each process that writes there a file of its own.
"""

import asyncio
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

from headwater import Client, DeadlineExceeded, Overloaded, Settings, Unavailable
from headwater.spool import (
    Delivery,
    Item,
    Limits,
    Pace,
    Put,
    Refusal,
    Spool,
    SpoolError,
    SpoolFile,
    SpoolTaken,
    SpoolUnusable,
)
from headwater.v1.event_pb2 import Event, RunEvent

AWAY = (Unavailable, Overloaded, DeadlineExceeded)
"""The errors after which an event is worth keeping: the server can take it later."""

LIMITS = Limits(max_bytes=64 * 2**20)
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Delivered:
    """Says what became of what waited."""

    sent: int = 0
    """How many events the server has now."""

    refusals: Sequence[Refusal] = ()
    """Why it will never take others."""

    left: int = 0
    """How many still wait."""

    problem: str = ""
    """Why they do."""


def folder_of(address: str) -> Path:
    """Gives the folder of what waits for the server at an address. Raises SpoolUnusable where there is no home."""
    state = os.environ.get("XDG_STATE_HOME", "")
    try:
        # The standard has relative paths ignored.
        home = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:
        raise SpoolUnusable("there is no home folder to keep events in: set XDG_STATE_HOME") from None
    return home / "headwater" / "spool" / quote(address, safe="")


def keep(address: str, events: Sequence[RunEvent]) -> str:
    """Keeps events for the server at an address; gives in words where they wait. Raises SpoolError."""
    with _own_file(folder_of(address)) as file:
        items = [Item(Event(run_event=each).SerializeToString(), each.run.run_id) for each in events]
        (outcome,) = file.put([Put(items)])
        if isinstance(outcome, Exception):
            raise outcome
        return f"it waits in {file.path} for the next headwater run, emit or send"


def deliver(settings: Settings, seconds: float) -> Delivered:
    """Sends what waits for a server, for so many seconds at the most. Raises SpoolError.

    What the server refuses is told here, and kept no longer.
    """
    folder = folder_of(settings.address)
    if seconds <= 0 or not any(folder.glob("*.spool")):
        return Delivered()
    file = _own_file(folder)
    with _quiet("headwater.spool"):
        delivered = asyncio.run(_deliver(file, settings, seconds))
    if not delivered.left:
        _delete(file.path)
    return delivered


def send_waiting(settings: Settings, seconds: float) -> list[str]:
    """Sends what waits for a server, beside something else; gives what there is to complain of."""
    try:
        refusals = deliver(settings, seconds).refusals
    except SpoolError as error:
        return [f"what waits is not sent: {error}"]
    return [f"what waited is refused: {refusal.message} ({refusal.reason})" for refusal in refusals]


async def _deliver(file: SpoolFile, settings: Settings, seconds: float) -> Delivered:
    deadline = time.monotonic() + seconds
    async with Spool(file) as spool, Client(settings=settings) as client:
        await spool.adopt_orphans()
        before = spool.figures.delivered
        async with Delivery(spool, client, pace=Pace(timeout_seconds=seconds)) as delivery:
            left = await _drain(delivery, deadline)
            problem = delivery.state().last_error
        refusals = [letter.refusal for letter in await spool.dead_letters()]
        return Delivered(spool.figures.delivered - before, refusals, left, problem)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Lets a logger tell errors alone: what it warns of, the caller tells."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


async def _drain(delivery: Delivery, deadline: float) -> int:
    """Delivers until nothing is left, the time is over, or nothing moves any more."""
    while True:
        before = delivery.state().figures.depth
        left = await delivery.drain(min(LOOK_SECONDS, deadline - time.monotonic()))
        stands_still = left == before and delivery.state().last_error
        if not left or stands_still or time.monotonic() >= deadline:
            return left


def _own_file(folder: Path) -> SpoolFile:
    """Opens the first file of the folder that no other process has open."""
    for number in count(1):
        try:
            return SpoolFile(folder / f"{number}.spool", LIMITS)
        except SpoolTaken:
            continue
    raise AssertionError


def _delete(path: Path) -> None:
    """Deletes a spool, unless another process took it meanwhile."""
    with suppress(SpoolTaken), SpoolFile(path, LIMITS) as file:
        if not file.figures.depth:
            file.delete()
