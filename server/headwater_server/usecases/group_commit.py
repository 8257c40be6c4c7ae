"""Commits the events of many calls together: a transaction holds what came while the last one ran.

There are several lanes, each with a transaction of its own under way. Large calls are split among them by the trees of
their runs: so transactions seldom wait for each other's jobs and parents, and one is made ready while another is
committed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..domain.errors import HeadwaterError, ShuttingDown, StoreUnavailable
from ..domain.event import Event
from ..domain.ingest_ports import Conflict
from .write_events import EventWriter, Written

log = logging.getLogger(__name__)

ATTEMPTS = 8
"""How often a transaction is tried that meets others."""
LOSSES = 3
LOSS_SECONDS = 0.1
"""How often a transaction is tried again after the store went away, and after how long."""


@dataclass(slots=True)
class Committed:
    """What became of events: the identities of those that were new, why others failed, and the position that holds all.

    Whatever is in neither was there before.
    """

    new: set[bytes] = field(default_factory=set)
    failed: dict[bytes, HeadwaterError] = field(default_factory=dict)
    position: str = ""

    def then(self, later: Committed) -> Committed:
        """What became of these events and of those that were committed after them."""
        return Committed(self.new | later.new, self.failed | later.failed, later.position or self.position)


@dataclass(slots=True)
class Submission:
    """The events of one call that take one lane, who sent them, and the answer to come."""

    events: list[Event]
    sender: str
    answer: asyncio.Future[Committed]


class Lane:
    """Commits what is submitted to it, one transaction at a time."""

    def __init__(self, writer: EventWriter, *, batch_events: int, linger_seconds: float) -> None:
        self._writer = writer
        self._batch_events = batch_events
        self._linger_seconds = linger_seconds
        self._waiting: deque[Submission] = deque()
        self._wake = asyncio.Event()
        self._draining = False
        self._had_company = False

    def submit(self, submission: Submission) -> None:
        """Has events committed; its answer comes after the commit."""
        self._waiting.append(submission)
        self._wake.set()

    def drain(self) -> None:
        """Has `run` return once all that waits is committed."""
        self._draining = True
        self._wake.set()

    def give_up(self) -> None:
        """Answers what still waits."""
        while self._waiting:
            self._waiting.popleft().answer.set_exception(ShuttingDown())

    async def run(self) -> None:
        """Commits until it is drained."""
        while not (self._draining and not self._waiting):
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            if self._is_company_expected():
                await asyncio.sleep(self._linger_seconds)
            taken = self._take()
            self._had_company = len(taken) > 1
            await self._commit(taken)

    def _is_company_expected(self) -> bool:
        """Whether to wait for more: many call at once, and those who were just answered will soon call again."""
        if self._draining or not self._linger_seconds or not self._had_company:
            return False
        return sum(len(submission.events) for submission in self._waiting) * 2 < self._batch_events

    def _take(self) -> list[Submission]:
        """The submissions of the next transaction, in their order."""
        taken = [self._waiting.popleft()]
        count = len(taken[0].events)
        while self._waiting and count + len(self._waiting[0].events) <= self._batch_events:
            taken.append(self._waiting.popleft())
            count += len(taken[-1].events)
        return taken

    async def _commit(self, submissions: Sequence[Submission]) -> None:
        unique: dict[bytes, tuple[Event, str]] = {}
        for submission in submissions:
            for event in submission.events:
                unique.setdefault(event.identity, (event, submission.sender))
        try:
            committed = await self._write_all(list(unique.values()))
        except BaseException as error:
            for submission in submissions:
                if not submission.answer.done():
                    submission.answer.set_exception(_told(error))
            if not isinstance(error, Exception):
                raise
            return
        for submission in submissions:
            # What was new for one call is there already for the next one of the same transaction.
            own = committed.new.intersection([event.identity for event in submission.events])
            committed.new -= own
            if not submission.answer.done():
                submission.answer.set_result(Committed(own, committed.failed, committed.position))

    async def _write_all(self, events: Sequence[tuple[Event, str]]) -> Committed:
        """Writes events; where one of them cannot be written, the others are written without it."""
        try:
            written = await self._try(events)
        except StoreUnavailable:
            raise
        except Exception as error:
            if len(events) == 1:
                identity = events[0][0].identity
                log.exception("event %s cannot be stored", identity.hex())
                told = error if isinstance(error, HeadwaterError) else HeadwaterError("the event cannot be stored")
                return Committed(failed={identity: told})
            middle = len(events) // 2
            return (await self._write_all(events[:middle])).then(await self._write_all(events[middle:]))
        return Committed(written.new, {}, written.position)

    async def _try(self, events: Sequence[tuple[Event, str]]) -> Written:
        losses = 0
        for attempt in range(ATTEMPTS):
            try:
                return await self._writer.write(events, datetime.now(UTC))
            except Conflict:
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
            except StoreUnavailable:  # after a restart of PostgreSQL the pool still holds dead connections
                losses += 1
                if losses > LOSSES or self._draining:
                    raise
                await asyncio.sleep(LOSS_SECONDS)
        raise StoreUnavailable


def _told(error: BaseException) -> Exception:
    if isinstance(error, HeadwaterError):
        return error
    if isinstance(error, Exception):
        log.error("a batch of events cannot be stored", exc_info=error)
        return StoreUnavailable()
    return ShuttingDown()
