"""A stream of events: many on their way at once, each acknowledged by its id, none lost when the connection is.

What is not acknowledged is kept here and sent again over the next connection; the server tells a repetition from a new
event. Knows the wire, not what the events mean.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing, suppress
from typing import NamedTuple, TypeAlias

import grpc

from .errors import DeadlineExceeded, HeadwaterError, Unavailable, from_rpc_error
from .ingest import AnyEvent, as_event
from .retry import Attempts
from .settings import Settings
from .v1 import event_pb2
from .v1 import ingest_service_pb2 as api
from .wire import AsyncWire

GROUP_EVENTS = 500
GROUP_BYTES = 4 * 2**20
REFUSAL_SECONDS = 1.0

Call: TypeAlias = "grpc.aio.StreamStreamCall[api.StreamEventsRequest, api.StreamEventsResponse]"
Events: TypeAlias = AsyncIterable[AnyEvent] | Iterable[AnyEvent]


class Acknowledgement(NamedTuple):
    """Tells what became of one event of a stream."""

    id: int
    """The event's place in the stream, from 0."""

    result: event_pb2.EventResult
    """ACCEPTED, DUPLICATE or REJECTED, with the reason."""

    position: str
    """The position of the graph's history that holds the event: opaque, for `min_position`."""


class EventStream:
    """Sends events and gives an acknowledgement of each, in the order in which the server answers.

    No more than `window` events are on their way at once. `timeout_seconds` is the longest that the server may say
    nothing while it owes an answer, and the longest that it may be away.
    """

    def __init__(self, settings: Settings, wire: AsyncWire, window: int, timeout_seconds: float | None) -> None:
        self._settings = settings
        self._wire = wire
        self._patience = settings.timeout_seconds if timeout_seconds is None else timeout_seconds
        self._room = asyncio.Semaphore(window)
        self._pending: dict[int, event_pb2.Event] = {}
        self._unsent: deque[int] = deque()
        self._is_complete = False
        self._news = asyncio.Event()
        self._heard = 0.0
        self._is_wary = False

    async def acknowledge(self, events: Events) -> AsyncGenerator[Acknowledgement, None]:
        """Sends the events. Raises HeadwaterError where the server stays away; and what `events` raises, once all that
        it gave before is acknowledged."""
        filling = asyncio.create_task(self._fill(events))
        try:
            attempts: Attempts | None = None
            while self._pending or not self._is_complete:
                began = time.monotonic()
                try:
                    async with aclosing(self._exchange()) as acknowledgements:
                        async for acknowledgement in acknowledgements:
                            attempts = None
                            yield acknowledgement
                except HeadwaterError as error:
                    if attempts is None or time.monotonic() - began > self._patience:
                        attempts = Attempts(self._settings, self._patience)
                    delay = attempts.delay_after(error)
                    if delay is None:
                        raise
                    await asyncio.sleep(delay)
            await filling
        finally:
            await _cancel(filling)

    async def _fill(self, events: Events) -> None:
        try:
            identifier = 0
            async for event in _asynchronous(events):
                message = as_event(event)
                await self._room.acquire()
                if not self._pending:
                    self._heard = time.monotonic()
                self._pending[identifier] = message
                self._unsent.append(identifier)
                self._news.set()
                identifier += 1
        finally:
            self._is_complete = True
            self._news.set()

    async def _exchange(self) -> AsyncGenerator[Acknowledgement, None]:
        """Sends and reads over one connection, until all is said or the connection ends."""
        call: Call = self._wire.duplex(api.StreamEventsRequest, api.StreamEventsResponse)
        self._unsent = deque(self._pending)
        self._heard = time.monotonic()
        sending = asyncio.create_task(self._send(call))
        try:
            while isinstance(answer := await self._read(call), api.StreamEventsResponse):
                self._heard = time.monotonic()
                for each in answer.results:
                    if self._pending.pop(each.id, None) is not None:
                        self._room.release()
                        yield Acknowledgement(each.id, each.result, answer.position)
        except grpc.RpcError as failure:
            self._is_wary = _hides_its_reason(failure)
            raise _broken() if self._is_wary else from_rpc_error(failure) from failure
        finally:
            call.cancel()
            await _cancel(sending)
        if self._pending or not self._is_complete:
            raise _broken()

    async def _send(self, call: Call) -> None:
        # A write that fails says nothing new: the read of the same call gives the reason.
        if self._is_wary:
            self._is_wary = False
            with suppress(TimeoutError):
                async with asyncio.timeout(REFUSAL_SECONDS):
                    await call.initial_metadata()
        while self._unsent or not self._is_complete:
            while self._unsent:
                await call.write(self._group())
            if not self._is_complete:
                self._news.clear()
                await self._news.wait()
        await call.done_writing()

    def _group(self) -> api.StreamEventsRequest:
        group = api.StreamEventsRequest()
        size = 0
        while self._unsent and len(group.events) < GROUP_EVENTS:
            event = self._pending[self._unsent[0]]
            size += event.ByteSize()
            if group.events and size > GROUP_BYTES:
                break
            group.events.add(id=self._unsent.popleft(), event=event)
        return group

    async def _read(self, call: Call) -> object:
        reading = asyncio.ensure_future(call.read())
        try:
            while True:
                await asyncio.wait({reading}, timeout=max(0.0, self._heard + self._patience - time.monotonic()))
                if reading.done():
                    return reading.result()
                if not self._pending:
                    self._heard = time.monotonic()
                elif time.monotonic() - self._heard >= self._patience:
                    silence = f"the server acknowledged nothing for {self._patience:g} s"
                    raise DeadlineExceeded(silence, grpc.StatusCode.DEADLINE_EXCEEDED)
        finally:
            reading.cancel()


def _hides_its_reason(failure: grpc.RpcError) -> bool:
    # Where a write and the server's refusal cross, grpc.aio loses the refusal and makes up this status
    # (https://github.com/grpc/grpc/issues/36066). The next connection listens before it writes, and hears the reason.
    return failure.code() is grpc.StatusCode.INTERNAL and failure.details() == "Internal error from Core"


def _broken() -> Unavailable:
    return Unavailable("the stream broke off", grpc.StatusCode.UNAVAILABLE)


async def _asynchronous(events: Events) -> AsyncGenerator[AnyEvent, None]:
    if isinstance(events, AsyncIterable):
        async for event in events:
            yield event
    else:
        for event in events:
            yield event


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
