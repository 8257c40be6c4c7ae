"""Keeps the spool open and has it delivered, through whatever goes wrong with the disk: it never gives up.

While the spool cannot be had, senders are told so, and it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.spool import (
    Batching,
    DeadLetter,
    Delivery,
    DeliveryState,
    Gap,
    Item,
    Limits,
    Pace,
    Spool,
    SpoolError,
    SpoolFile,
    SpoolFull,
    Writer,
)
from headwater.v1.event_pb2 import Event

from .refusals import no_room, no_spool

RETRY_SECONDS = 2.0
"""After how long a spool that could not be had is tried again."""

ADOPT_SECONDS = 60.0
"""How often it is looked whether other emitters ended and left something."""

MAX_EVENTS, MAX_BYTES = 200, 2**19
"""What is sent in one call: more of it is hardly faster, and takes several times as much memory."""

PACE = Pace(last_backoff_seconds=15.0, ask_backoff_seconds=30.0)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Open:
    """A spool that is open, and what delivers from it."""

    spool: Spool
    delivery: Delivery


class SpoolKeeper:
    """Keeps items in the spool of a path. `run` has to go on while it is used."""

    def __init__(
        self,
        path: Path,
        limits: Limits,
        writer: Writer,
        make_gap_event: Callable[[Gap], Event],
        *,
        block_seconds: float,
    ) -> None:
        self.path = path
        self.trouble = "the spool is not open yet"
        """Why nothing can be kept; empty where it can."""

        self._limits = limits
        self._writer = writer
        self._make_gap_event = make_gap_event
        self._block_seconds = block_seconds
        self._open: Open | None = None
        self._is_broken = asyncio.Event()
        self._is_tried = asyncio.Event()

    async def put(self, items: Sequence[Item]) -> None:
        """Keeps items; they are on disk when it returns. Raises Overloaded or Unavailable; then none is kept."""
        if self._open is None:
            raise no_spool(self.trouble)
        try:
            await self._open.spool.put(items)
        except SpoolFull as error:
            raise no_room(str(error)) from error
        except SpoolError as error:
            self._is_broken.set()
            raise no_spool(str(error)) from error

    def state(self) -> DeliveryState | None:
        """How the spool and its delivery stand; None where there is no spool."""
        return self._open.delivery.state() if self._open else None

    async def drain(self, seconds: float) -> None:
        """Hurries until all is delivered, so many seconds at the most."""
        if self._open is not None:
            await self._open.delivery.drain(seconds)

    async def tried(self) -> None:
        """Returns once it is known whether something can be kept."""
        await self._is_tried.wait()

    async def run(self) -> None:
        """Keeps the spool open, until it is cancelled."""
        while True:
            try:
                await self._hold()
            except (SpoolError, OSError) as error:
                self._give_up(str(error))
            except Exception as error:
                logger.exception("the spool failed, and is tried again")
                self._give_up(f"the spool failed: {error}")
            await asyncio.sleep(RETRY_SECONDS)

    async def dead_letters(self) -> list[DeadLetter]:
        """What the server will never take, oldest first. Raises Unavailable."""
        if self._open is None:
            raise no_spool(self.trouble)
        try:
            return await self._open.spool.dead_letters()
        except SpoolError as error:
            raise no_spool(str(error)) from error

    async def _hold(self) -> None:
        """Opens the spool, and holds it until it cannot be written."""
        file = await asyncio.to_thread(SpoolFile, self.path, self._limits)
        spool = Spool(file, block_seconds=self._block_seconds)
        batching = Batching(MAX_EVENTS, MAX_BYTES)
        delivery = Delivery(spool, self._writer, make_gap_event=self._make_gap_event, pace=PACE, batching=batching)
        async with spool, delivery:
            if self.trouble:
                logger.info("%s is open, %d events wait", self.path, spool.figures.depth)
            self._is_broken.clear()
            self._open, self.trouble = Open(spool, delivery), ""
            self._is_tried.set()
            adopting = asyncio.create_task(_adopt(spool))
            try:
                await self._is_broken.wait()
                self._give_up("the spool cannot be written, and is opened again")
            finally:
                self._open = None
                adopting.cancel()
                await asyncio.gather(adopting, return_exceptions=True)

    def _give_up(self, trouble: str) -> None:
        self._open = None
        self._is_tried.set()
        if trouble != self.trouble:
            logger.error("no event can be kept: %s", trouble)
        self.trouble = trouble


async def _adopt(spool: Spool) -> None:
    """Takes over what ended emitters left beside this spool, for as long as there is one."""
    while True:
        try:
            if adopted := await spool.adopt_orphans():
                logger.info("%d events of emitters that ended are taken over", adopted)
        except SpoolError as error:
            logger.warning("what ended emitters left stays where it is: %s", error)
        await asyncio.sleep(ADOPT_SECONDS)
