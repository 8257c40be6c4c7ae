"""Takes events from many callers, has them committed together, and says what became of each.

A caller is answered after the commit, event by event. What has no meaning is rejected alone, and kept for a while.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import reduce
from typing import Any

from ..domain.errors import HeadwaterError, Overloaded, ShuttingDown, TooOld
from ..domain.event import Event
from ..domain.event_parser import EventParser
from ..domain.ingest_ports import IngestStore, Rejection
from .group_commit import Committed, Lane, Submission
from .sampling import Sampling
from .write_events import EventWriter

log = logging.getLogger(__name__)

PARSED_AT_ONCE = 25
"""How many events are parsed before others get a turn, whoever sent them: callers take turns, too."""
SPLIT_EVENTS = 100
"""From how many events on a call is committed in several lanes; smaller ones share one, in few transactions."""
RETRY_SECONDS = 1.0
"""When a caller that was sent away may come back."""


class Outcome(Enum):
    """What became of an event."""

    ACCEPTED = 1
    DUPLICATE = 2
    REJECTED = 3


@dataclass(slots=True)
class EventOutcome:
    """What became of one event: its 16-byte identity where it was readable, and the error where it was rejected."""

    status: Outcome
    identity: bytes | None = None
    error: HeadwaterError | None = None


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What became of the events of one call, in their order, and the position that holds those accepted."""

    results: list[EventOutcome]
    position: str


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """How much is taken at once.

    `events_in_flight` and `bytes_in_flight` bound what is not committed yet; `batch_events` bounds one transaction;
    `linger_seconds` is how long a transaction waits for company; `lanes` is how many are under way at a time; events
    older than `keep` are refused, if it is set.
    """

    events_in_flight: int = 100_000
    bytes_in_flight: int = 256 * 1024 * 1024
    batch_events: int = 1_000
    linger_seconds: float = 0.0
    lanes: int = 2
    keep: timedelta | None = None


class InFlight:
    """Counts the events and bytes that are not committed yet, and keeps them within bounds."""

    def __init__(self, limits: IngestLimits) -> None:
        self._limits = limits
        self._events = 0
        self._bytes = 0

    @property
    def events(self) -> int:
        """How many they are."""
        return self._events

    @property
    def bytes(self) -> int:
        """How large they are together."""
        return self._bytes

    def admit(self, events: int, size: int) -> Callable[[], None]:
        """Counts a call in; what it returns counts it out. Raises Overloaded, but never where nothing is in flight."""
        limits = self._limits
        if self._events and self._events + events > limits.events_in_flight:
            raise Overloaded("events", self._events, limits.events_in_flight, RETRY_SECONDS)
        if self._events and self._bytes + size > limits.bytes_in_flight:
            raise Overloaded("bytes", self._bytes, limits.bytes_in_flight, RETRY_SECONDS)
        self._events += events
        self._bytes += size

        def release() -> None:
            self._events -= events
            self._bytes -= size

        return release


class Ingestion:
    """The way in for events. `start` it, `write` to it from many tasks, `drain` it at the end."""

    def __init__(
        self,
        store: IngestStore,
        parser: EventParser,
        limits: IngestLimits | None = None,
        sampling: Sampling | None = None,
    ) -> None:
        self._store = store
        self._parser = parser
        self._limits = limits or IngestLimits()
        self.sampling = sampling or Sampling()
        batch, linger = self._limits.batch_events, self._limits.linger_seconds
        writer = EventWriter(store, self.sampling)
        self._lanes = [Lane(writer, batch_events=batch, linger_seconds=linger) for _ in range(self._limits.lanes)]
        self._tasks: list[asyncio.Task[None]] = []
        self._draining = False
        self._turn = asyncio.Lock()
        self.in_flight = InFlight(self._limits)
        self.counts: Counter[tuple[str, Outcome]] = Counter()
        """How many events were answered, by the door that they came through and by what became of them."""

    async def start(self) -> None:
        """Begins to commit."""
        self._tasks = [asyncio.create_task(lane.run(), name="ingestion") for lane in self._lanes]

    async def drain(self, timeout_seconds: float) -> None:
        """Takes nothing new, and commits what was taken, for at most so long."""
        self._draining = True
        for lane in self._lanes:
            lane.drain()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout_seconds)
            for task in late:
                task.cancel()
            for lane in self._lanes:
                lane.give_up()
        await self._store.close()

    async def write(self, bodies: Sequence[bytes], sender: str, door: str = "") -> WriteOutcome:
        """Commits events, each the JSON text of one OpenLineage event; they are counted by door.

        Raises Overloaded, ShuttingDown or StoreUnavailable; then nothing was stored, or it may be sent again.
        """
        if self._draining:
            raise ShuttingDown
        now = datetime.now(UTC)
        release = self.in_flight.admit(len(bodies), sum(map(len, bodies)))
        try:
            parsed = await self._parse(bodies, now)
            answers = self._submit(parsed, sender)
        except BaseException:
            release()
            raise
        together = await _all(answers, release)
        outcomes = _outcomes(parsed, together)
        self.counts.update([(door, outcome.status) for outcome in outcomes])
        if any(outcome.error for outcome in outcomes):
            await self._keep_rejected(outcomes, bodies, sender, now)
        # Which of two transactions was committed last is not known, so what holds both is one that comes after them.
        position = together.position if len(answers) < 2 else await self._store.position()
        return WriteOutcome(outcomes, position)

    async def rejected(self, limit: int, after: tuple[datetime, uuid.UUID] | None) -> list[tuple[uuid.UUID, Rejection]]:
        """Rejected events, newest first, past a place in the list."""
        return await self._store.rejections(limit, after)

    def _submit(self, parsed: Sequence[Event | HeadwaterError], sender: str) -> list[asyncio.Future[Committed]]:
        events: list[list[Event]] = [[] for _ in self._lanes]
        lanes = len(self._lanes) if len(parsed) >= SPLIT_EVENTS else 1
        for item in parsed:
            if isinstance(item, Event):
                events[item.tree % lanes].append(item)
        loop = asyncio.get_running_loop()
        submissions = [
            (lane, task, Submission(own, sender, loop.create_future()))
            for lane, task, own in zip(self._lanes, self._tasks, events, strict=False)
            if own
        ]
        if any(task.done() for _, task, _ in submissions) or (any(events) and not self._tasks):
            raise ShuttingDown
        for lane, _, submission in submissions:
            lane.submit(submission)
        return [submission.answer for _, _, submission in submissions]

    async def _parse(self, bodies: Sequence[bytes], now: datetime) -> list[Event | HeadwaterError]:
        parsed: list[Event | HeadwaterError] = []
        oldest = now - self._limits.keep if self._limits.keep else None
        for start in range(0, len(bodies), PARSED_AT_ONCE):
            async with self._turn:
                if start:
                    await asyncio.sleep(0)
                parsed += [self._parse_one(body, now, oldest) for body in bodies[start : start + PARSED_AT_ONCE]]
        return parsed

    def _parse_one(self, body: bytes, now: datetime, oldest: datetime | None) -> Event | HeadwaterError:
        try:
            event = self._parser.parse(body, now)
            if oldest and event.event_time < oldest:
                raise TooOld(event.event_time.isoformat(), oldest.isoformat())
        except HeadwaterError as error:
            return error
        return event

    async def _keep_rejected(
        self, outcomes: Sequence[EventOutcome], bodies: Sequence[bytes], sender: str, now: datetime
    ) -> None:
        rejections = [
            Rejection(
                now, sender, error.reason, error.metadata.get("field", ""), error.message, body, body_size=len(body)
            )
            for outcome, body in zip(outcomes, bodies, strict=True)
            if (error := outcome.error)
        ]
        try:
            await self._store.reject(rejections)
        except HeadwaterError:  # the caller is told all the same, and what it could send is stored
            log.exception("%d rejected events were not kept", len(rejections))


async def _all(answers: Sequence[asyncio.Future[Committed]], release: Callable[[], None]) -> Committed:
    """What became of all; what was taken is committed, whether the caller waits or not, and then released."""

    def end(done: asyncio.Future[Any]) -> None:
        release()
        _ = done.cancelled() or done.exception()  # it counts as seen, though nobody may wait for it any more

    if len(answers) == 1:
        answers[0].add_done_callback(end)
        return await asyncio.shield(answers[0])
    committed = asyncio.gather(*answers)
    committed.add_done_callback(end)
    return reduce(Committed.then, await asyncio.shield(committed), Committed())


def _outcomes(parsed: Sequence[Event | HeadwaterError], committed: Committed) -> list[EventOutcome]:
    """The outcome of each event; one that is repeated in a call is a duplicate of its first."""
    outcomes: list[EventOutcome] = []
    new, failed = set(committed.new), committed.failed
    for item in parsed:
        if isinstance(item, HeadwaterError):
            outcomes.append(EventOutcome(Outcome.REJECTED, None, item))
        elif (identity := item.identity) in new:
            new.discard(identity)
            outcomes.append(EventOutcome(Outcome.ACCEPTED, identity))
        elif identity in failed:
            outcomes.append(EventOutcome(Outcome.REJECTED, identity, failed[identity]))
        else:
            outcomes.append(EventOutcome(Outcome.DUPLICATE, identity))
    return outcomes
