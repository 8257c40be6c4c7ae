"""Delivery: takes what waits in a spool to the server, in order, at least once, for as long as that takes.

One batch is on its way at a time, so what is about one run arrives in the order in which it was put. An item leaves the
line once the server has committed it, or will never take it: then it is a dead letter, and the others go on.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from google.protobuf.message import DecodeError

from ..errors import HeadwaterError
from ..v1.error_reason_pb2 import ErrorReason
from ..v1.event_pb2 import Event, EventResult
from ..v1.ingest_service_pb2 import BatchWriteEventsResponse
from .batching import Batching
from .errors import SpoolError
from .items import Figures, Gap, Item, Kept, Refusal
from .spool import Spool
from .verdict import Verdict, judge

LONGEST_WAIT_WHILE_DRAINING_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Writer(Protocol):
    """Writes events, as `headwater.Client` does."""

    async def batch_write_events(
        self, events: Iterable[Event], *, timeout_seconds: float | None = None
    ) -> BatchWriteEventsResponse:
        """Gives the result of each event. Raises HeadwaterError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Says how patient a delivery is.

    A wait is random between 0 and a bound that doubles with each failure in a row, on top of what the server asks for.
    """

    timeout_seconds: float = 30.0
    """How long one call may take."""

    first_backoff_seconds: float = 0.2
    last_backoff_seconds: float = 30.0
    ask_backoff_seconds: float = 60.0
    """The bound where somebody has to do something first, as where a permission is missing."""

    attempts_at_suspects: int = 10
    """How many calls in a row may make the server fail before an item is held to be the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryState:
    """Says how delivery stands."""

    figures: Figures
    last_error: str = ""
    """Why the last call failed; empty where it did not."""

    last_error_time: float | None = None
    """When a call failed last, in seconds since 1970."""

    last_success_time: float | None = None
    """When the server took something last, in seconds since 1970."""

    needs_attention: bool = False
    """Whether somebody has to do something: the server does not know the sender, or does not let it write."""


def read_event(item: Item) -> Event:
    """Gives an item's event as it was put. Raises DecodeError."""
    return Event.FromString(item.event)


class Delivery:
    """Delivers from a spool while its `async with` block lasts.

        async with Spool(SpoolFile(path)) as spool, Client() as client, Delivery(spool, client) as delivery:
            await spool.put([Item(event.SerializeToString(), run=run_id)])
            await delivery.drain(5)

    `make_event` makes the event of an item, where its context goes with it; an item of which it raises DecodeError is
    set aside. `make_gap_event` makes the event that tells of dropped items; without it gaps stay in the spool, counted.
    `batching` bounds what is sent in one call, and so the memory that delivery takes.
    """

    def __init__(
        self,
        spool: Spool,
        writer: Writer,
        *,
        make_event: Callable[[Item], Event] = read_event,
        make_gap_event: Callable[[Gap], Event] | None = None,
        pace: Pace | None = None,
        batching: Batching | None = None,
    ) -> None:
        self._spool = spool
        self._writer = writer
        self._make_event = make_event
        self._make_gap_event = make_gap_event
        self._pace = pace or Pace()
        self._batching = batching or Batching()
        self._failures = 0
        self._suspicions = 0
        self._is_draining = False
        self._hurry = asyncio.Event()
        self._last_error = ""
        self._last_error_time: float | None = None
        self._last_success_time: float | None = None
        self._needs_attention = False

    def state(self) -> DeliveryState:
        """Says how delivery stands now; costs nothing."""
        return DeliveryState(
            figures=self._spool.figures,
            last_error=self._last_error,
            last_error_time=self._last_error_time,
            last_success_time=self._last_success_time,
            needs_attention=self._needs_attention,
        )

    async def drain(self, seconds: float) -> int:
        """Hurries until nothing waits, so many seconds at the most; gives how many items are left."""
        self._is_draining = True
        self._hurry.set()
        try:
            async with asyncio.timeout(seconds):
                await self._spool.wait_until(lambda figures: not self._has_work(figures))
        except TimeoutError:
            pass
        finally:
            self._is_draining = False
        return self._spool.figures.depth

    async def __aenter__(self) -> Self:
        self._delivering = asyncio.create_task(self._deliver())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._delivering.cancel()
        with suppress(asyncio.CancelledError):
            await self._delivering

    async def _deliver(self) -> None:
        while True:
            await self._spool.wait_until(self._has_work)
            try:
                await self._tell_gaps()
                delay = await self._send_next()
            except Exception as error:  # noqa: BLE001 (whatever it is, what waits is tried again)
                if not isinstance(error, SpoolError):
                    _log.exception("delivery failed and goes on")
                delay = self._failed(error, needs_attention=True)
            if delay:
                await self._pause(delay)

    def _has_work(self, figures: Figures) -> bool:
        return figures.depth > 0 or self._has_gap_to_tell(figures)

    def _has_gap_to_tell(self, figures: Figures) -> bool:
        # Half a spool of room: the gap is over, more or less.
        return self._make_gap_event is not None and figures.gaps > 0 and figures.size <= self._spool.max_bytes // 2

    async def _tell_gaps(self) -> None:
        if self._make_gap_event is None or not self._has_gap_to_tell(self._spool.figures):
            return
        for gap in await self._spool.gaps():
            await self._spool.tell(gap, Item(self._make_gap_event(gap).SerializeToString()))

    async def _send_next(self) -> float:
        """Sends the next batch; gives the seconds to wait before the one after it."""
        batch = await self._spool.peek(*self._batching.next)
        if not batch:
            return 0.0
        events, refusals = self._read(batch)
        try:
            if events:
                refusals |= await self._write(events)
        except HeadwaterError as error:
            return await self._judge(error, batch)
        await self._spool.settle(batch, refusals)
        for refusal in refusals.values():
            _log.warning("an event is set aside: %s (%s)", refusal.message, refusal.reason)
        self._batching.taken(len(batch))
        self._succeeded()
        return 0.0

    def _read(self, batch: Sequence[Kept]) -> tuple[dict[int, Event], dict[int, Refusal]]:
        events, refusals = {}, {}
        for each in batch:
            try:
                events[each.number] = self._make_event(each.item)
            except DecodeError as error:
                refusals[each.number] = Refusal("UNREADABLE", "", f"the item is no event: {error}")
        return events, refusals

    async def _write(self, events: dict[int, Event]) -> dict[int, Refusal]:
        """Writes events; gives why the server will never take some of them."""
        timeout = self._pace.timeout_seconds
        answer = await self._writer.batch_write_events(events.values(), timeout_seconds=timeout)
        outcomes = [result.outcome for result in answer.results]
        if len(outcomes) != len(events) or EventResult.OUTCOME_UNSPECIFIED in outcomes:
            raise HeadwaterError(f"the server told of {len(outcomes)} events of {len(events)} what became of them")
        return {
            number: Refusal(ErrorReason.Name(result.reason).removeprefix("ERROR_REASON_"), result.field, result.message)
            for number, result in zip(events, answer.results, strict=True)
            if result.outcome == EventResult.OUTCOME_REJECTED
        }

    async def _judge(self, error: HeadwaterError, batch: Sequence[Kept]) -> float:
        """Learns from a failed call; gives the seconds to wait before the next one."""
        verdict = judge(error)
        self._suspicions = self._suspicions + 1 if verdict is Verdict.SUSPECT else 0
        delay = self._failed(error, needs_attention=verdict is Verdict.ASK)
        if verdict in (Verdict.SEND_LESS, Verdict.SPLIT):
            self._batching.too_much(len(batch))
        if verdict is Verdict.SPLIT and len(batch) > 1:
            return 0.0
        is_about_an_item = verdict in (Verdict.SPLIT, Verdict.FIND_CULPRIT)
        if is_about_an_item or self._suspicions > self._pace.attempts_at_suspects:
            if not self._batching.refused(len(batch)):
                return 0.0
            await self._set_aside(batch[0], error)
        # A server that refuses whatever it is sent is not given all that waits at full speed.
        return delay

    async def _set_aside(self, culprit: Kept, error: HeadwaterError) -> None:
        refusal = Refusal(error.reason or error.code.name, error.metadata.get("field", ""), error.message)
        await self._spool.settle([culprit], {culprit.number: refusal})
        self._suspicions = 0
        _log.warning("an event is set aside: %s (%s)", refusal.message, refusal.reason)

    def _succeeded(self) -> None:
        if self._last_error:
            _log.info("the server takes events again")
        self._failures = self._suspicions = 0
        self._last_error, self._needs_attention = "", False
        self._last_success_time = time.time()

    def _failed(self, error: Exception, *, needs_attention: bool) -> float:
        """Remembers a failure; gives the seconds to wait for it to pass."""
        if not self._last_error:
            _log.warning("events wait for the server: %s", error)
        self._failures += 1
        self._last_error, self._last_error_time = str(error) or repr(error), time.time()
        self._needs_attention = needs_attention
        pace = self._pace
        bound = min(pace.last_backoff_seconds, pace.first_backoff_seconds * 2 ** min(self._failures - 1, 30))
        if needs_attention:
            bound = pace.ask_backoff_seconds
        if self._is_draining:
            bound = min(bound, LONGEST_WAIT_WHILE_DRAINING_SECONDS)
        return (getattr(error, "retry_after", None) or 0.0) + random.uniform(0, bound)  # noqa: S311 (nothing secret)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        self._hurry.clear()
