"""One StreamEvents call: it reads ahead no further than a window, and answers once events are committed.

What is not read waits in the client, so back-pressure flows to where events are made.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

from headwater.v1.ingest_service_pb2 import StreamedResult, StreamEventsRequest, StreamEventsResponse

from ..domain.errors import Overloaded, ShuttingDown
from ..usecases.ingest import WriteOutcome
from .convert_ingest import check_count, to_result
from .message_writer import MessageWriter

WINDOW_BYTES = 16 << 20
"""How much of a stream is in flight; one message always is."""
WINDOW_MESSAGES = 1024
PATIENCE_SECONDS = 30
"""How long a stream waits for ingestion to have room before its client is told that there is none."""


@dataclass(frozen=True, slots=True)
class InFlight:
    """The events of one message, on their way to the store."""

    ids: Sequence[int]
    weight: int
    outcome: asyncio.Task[WriteOutcome]

    def is_part_of(self, position: str) -> bool:
        """Whether the events are committed, by the transaction that made this position."""
        task = self.outcome
        return task.done() and not task.cancelled() and not task.exception() and task.result().position == position


class EventStream:
    """Answers the messages of one stream in their order, several at once where they were committed together."""

    def __init__(self, writer: MessageWriter) -> None:
        self._writer = writer
        self._in_flight: deque[InFlight] = deque()
        self._weight = 0
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._stopped_by: ShuttingDown | None = None

    async def responses(
        self, requests: AsyncIterator[StreamEventsRequest]
    ) -> AsyncGenerator[StreamEventsResponse, None]:
        """The answers, until the client has sent its last event and all are answered.

        Raises what a message is refused with, or what `stop` was given, once all before it is answered.
        """
        reader = self._reader = asyncio.create_task(self._read(requests))
        reader.add_done_callback(lambda _: self._has_news.set())
        try:
            while self._in_flight or not reader.done():
                if self._in_flight:
                    yield await self._answer()
                else:
                    self._has_news.clear()
                    await self._has_news.wait()
            if self._stopped_by:
                raise self._stopped_by
            reader.result()
        finally:
            writes = [item.outcome for item in self._in_flight]
            for task in (reader, *writes):
                task.cancel()
            await asyncio.gather(reader, *writes, return_exceptions=True)

    def stop(self, reason: ShuttingDown | None = None) -> None:
        """Reads no further; the reason is that the server stops unless another one is given."""
        self._stopped_by = reason or ShuttingDown()
        if self._reader:
            self._reader.cancel()

    async def _read(self, requests: AsyncIterator[StreamEventsRequest]) -> None:
        async for request in requests:
            check_count(len(request.events))
            weight = max(request.ByteSize(), WINDOW_BYTES // WINDOW_MESSAGES)
            while self._weight and self._weight + weight > WINDOW_BYTES:
                self._has_room.clear()
                await self._has_room.wait()
            self._weight += weight
            write = asyncio.create_task(self._write(request))
            self._in_flight.append(InFlight([item.id for item in request.events], weight, write))
            self._has_news.set()

    async def _write(self, request: StreamEventsRequest) -> WriteOutcome:
        clock = asyncio.get_running_loop().time
        deadline = clock() + PATIENCE_SECONDS
        while True:
            try:
                return await self._writer.write(item.event for item in request.events)
            except Overloaded as error:
                if self._stopped_by or clock() > deadline:
                    raise
                await asyncio.sleep(error.retry_after_seconds)

    async def _answer(self) -> StreamEventsResponse:
        position = (await self._in_flight[0].outcome).position
        response = StreamEventsResponse(position=position)
        while self._in_flight and self._in_flight[0].is_part_of(position):
            item = self._in_flight.popleft()
            self._weight -= item.weight
            self._has_room.set()
            for key, outcome in zip(item.ids, item.outcome.result().results, strict=True):
                response.results.append(StreamedResult(id=key, result=to_result(outcome)))
        return response
