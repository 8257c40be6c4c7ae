"""Takes events from many callers and commits them together: a transaction holds what came while the last one ran.

A caller is answered after the commit, event by event. What has no meaning is rejected alone, and kept for a while.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from ..domain.errors import HeadwaterError, Overloaded, ShuttingDown, StoreUnavailable, TooOld
from ..domain.event import Event
from ..domain.event_parser import EventParser
from ..domain.ingest_ports import Conflict, IngestStore, Rejection
from .sampling import Sampling
from .write_events import EventWriter, Written

log = logging.getLogger(__name__)

PARSED_AT_ONCE = 100
"""How many events are parsed before other callers get a turn."""
ATTEMPTS = 8
"""How often a transaction is tried that meets others."""
LOSSES = 3
LOSS_SECONDS = 0.1
"""How often a transaction is tried again after the store went away, and after how long."""
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
    `linger_seconds` is how long a transaction waits for company; events older than `keep` are refused, if it is set.
    """

    events_in_flight: int = 100_000
    bytes_in_flight: int = 256 * 1024 * 1024
    batch_events: int = 1_000
    linger_seconds: float = 0.0
    keep: timedelta | None = None


Answer = tuple[dict[bytes, EventOutcome], str]
"""The outcomes of events by their identities, and the position that holds those accepted."""


@dataclass(slots=True)
class _Submission:
    """The readable events of one call, and the answer to come."""

    events: list[Event]
    sender: str
    answer: asyncio.Future[Answer]


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
        self._writer = EventWriter(store, self.sampling)
        self._waiting: deque[_Submission] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._draining = False
        self.in_flight = InFlight(self._limits)
        self.counts: Counter[tuple[str, Outcome]] = Counter()
        """How many events were answered, by the door that they came through and by what became of them."""

    async def start(self) -> None:
        """Begins to commit."""
        self._task = asyncio.create_task(self._run(), name="ingestion")

    async def drain(self, timeout_seconds: float) -> None:
        """Takes nothing new, and commits what was taken, for at most so long."""
        self._draining = True
        self._wake.set()
        if self._task:
            done, _ = await asyncio.wait([self._task], timeout=timeout_seconds)
            if not done:
                self._task.cancel()
            for submission in self._waiting:
                submission.answer.set_exception(ShuttingDown())
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
            answer = self._submit([item for item in parsed if isinstance(item, Event)], sender)
        except BaseException:
            release()
            raise
        answer.add_done_callback(lambda done: (release(), done.exception()))
        found, position = await asyncio.shield(answer)  # what was taken is committed, whether the caller waits or not
        outcomes = _outcomes(parsed, found)
        self.counts.update((door, outcome.status) for outcome in outcomes)
        await self._keep_rejected(outcomes, bodies, sender, now)
        return WriteOutcome(outcomes, position)

    async def rejected(self, limit: int, after: tuple[datetime, uuid.UUID] | None) -> list[tuple[uuid.UUID, Rejection]]:
        """Rejected events, newest first, past a place in the list."""
        return await self._store.rejections(limit, after)

    def _submit(self, events: list[Event], sender: str) -> asyncio.Future[Answer]:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if not events:
            answer.set_result(({}, ""))
        elif self._task is None or self._task.done():
            raise ShuttingDown
        else:
            self._waiting.append(_Submission(events, sender, answer))
            self._wake.set()
        return answer

    async def _parse(self, bodies: Sequence[bytes], now: datetime) -> list[Event | HeadwaterError]:
        parsed: list[Event | HeadwaterError] = []
        for index, body in enumerate(bodies):
            if index % PARSED_AT_ONCE == PARSED_AT_ONCE - 1:
                await asyncio.sleep(0)
            try:
                event = self._parser.parse(body, now)
                if self._limits.keep and event.event_time < now - self._limits.keep:
                    raise TooOld(event.event_time.isoformat(), (now - self._limits.keep).isoformat())
                parsed.append(event)
            except HeadwaterError as error:
                parsed.append(error)
        return parsed

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
        if not rejections:
            return
        try:
            await self._store.reject(rejections)
        except HeadwaterError:  # the caller is told all the same, and what it could send is stored
            log.exception("%d rejected events were not kept", len(rejections))

    async def _run(self) -> None:
        while not (self._draining and not self._waiting):
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            if self._limits.linger_seconds and not self._draining:
                await asyncio.sleep(self._limits.linger_seconds)
            await self._commit(self._take())

    def _take(self) -> list[_Submission]:
        """The submissions of the next transaction, in their order."""
        taken = [self._waiting.popleft()]
        count = len(taken[0].events)
        while self._waiting and count + len(self._waiting[0].events) <= self._limits.batch_events:
            taken.append(self._waiting.popleft())
            count += len(taken[-1].events)
        return taken

    async def _commit(self, submissions: Sequence[_Submission]) -> None:
        events = [event for submission in submissions for event in submission.events]
        senders: dict[bytes, str] = {}
        for submission in submissions:
            for event in submission.events:
                senders.setdefault(event.identity, submission.sender)
        try:
            found, position = await self._write_all(events, senders)
        except BaseException as error:
            for submission in submissions:
                if not submission.answer.done():
                    submission.answer.set_exception(_told(error))
            if not isinstance(error, Exception):
                raise
            return
        for submission in submissions:
            if not submission.answer.done():
                own = {event.identity: found[event.identity] for event in submission.events}
                submission.answer.set_result((own, position))
            _repeated(found, submission.events)

    async def _write_all(self, events: Sequence[Event], senders: dict[bytes, str]) -> Answer:
        """Writes events; where one of them cannot be written, the others are written without it."""
        try:
            written = await self._try(events, senders)
        except StoreUnavailable:
            raise
        except Exception as error:
            if len({event.identity for event in events}) == 1:
                log.exception("event %s cannot be stored", events[0].identity.hex())
                told = error if isinstance(error, HeadwaterError) else HeadwaterError("the event cannot be stored")
                return {events[0].identity: EventOutcome(Outcome.REJECTED, events[0].identity, told)}, ""
            middle = len(events) // 2
            first, earlier = await self._write_all(events[:middle], senders)
            second, later = await self._write_all(events[middle:], senders)
            return second | first, later or earlier
        return {
            event.identity: EventOutcome(
                Outcome.ACCEPTED if event.identity in written.new else Outcome.DUPLICATE, event.identity
            )
            for event in events
        }, written.position

    async def _try(self, events: Sequence[Event], senders: dict[bytes, str]) -> Written:
        losses = 0
        for attempt in range(ATTEMPTS):
            try:
                return await self._writer.write(events, datetime.now(UTC), senders)
            except Conflict:
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
            except StoreUnavailable:  # after a restart of PostgreSQL the pool still holds dead connections
                losses += 1
                if losses > LOSSES or self._draining:
                    raise
                await asyncio.sleep(LOSS_SECONDS)
        raise StoreUnavailable


def _outcomes(parsed: Sequence[Event | HeadwaterError], found: dict[bytes, EventOutcome]) -> list[EventOutcome]:
    """The outcome of each event; one that is repeated in a call is a duplicate of its first."""
    outcomes: list[EventOutcome] = []
    seen: set[bytes] = set()
    for item in parsed:
        if isinstance(item, HeadwaterError):
            outcomes.append(EventOutcome(Outcome.REJECTED, None, item))
            continue
        outcome = found[item.identity]
        if item.identity in seen and outcome.status is Outcome.ACCEPTED:
            outcome = EventOutcome(Outcome.DUPLICATE, item.identity)
        seen.add(item.identity)
        outcomes.append(outcome)
    return outcomes


def _repeated(found: dict[bytes, EventOutcome], events: Sequence[Event]) -> None:
    """Events that were accepted for one call are duplicates for the next one of the same transaction."""
    for event in events:
        if found[event.identity].status is Outcome.ACCEPTED:
            found[event.identity] = EventOutcome(Outcome.DUPLICATE, event.identity)


def _told(error: BaseException) -> Exception:
    if isinstance(error, HeadwaterError):
        return error
    if isinstance(error, Exception):
        log.error("a batch of events cannot be stored", exc_info=error)
        return StoreUnavailable()
    return ShuttingDown()
