"""The servicer of IngestService."""
# ruff: noqa: N802 (methods are called as the contract calls them)

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from headwater.v1 import ingest_service_pb2 as messages
from headwater.v1.ingest_service_pb2_grpc import IngestServiceServicer

from ..domain.errors import StreamTooOld
from ..usecases.ingest import Ingestion
from ..usecases.rejections import list_rejected_events
from .call import Call, caller_of, sender_of
from .convert_ingest import check_count, to_rejected, to_result
from .event_stream import EventStream
from .message_writer import MessageWriter

STREAM_SECONDS = 600.0
"""How long a stream of a known caller may go on. Tokens are revoked and expire, and a stream shows its own but once."""


class IngestServicer(IngestServiceServicer):
    """Takes events in three ways, and lists those that were rejected."""

    def __init__(self, ingestion: Ingestion) -> None:
        self._ingestion = ingestion
        self._streams: set[EventStream] = set()

    async def WriteEvent(self, request: messages.WriteEventRequest, context: Call) -> messages.WriteEventResponse:
        """Writes one event."""
        outcome = await self._writer(context).write([request.event])
        (result,) = outcome.results
        if result.error:
            raise result.error
        return messages.WriteEventResponse(result=to_result(result), position=outcome.position)

    async def BatchWriteEvents(
        self, request: messages.BatchWriteEventsRequest, context: Call
    ) -> messages.BatchWriteEventsResponse:
        """Writes many events."""
        check_count(len(request.events))
        outcome = await self._writer(context).write(request.events)
        return messages.BatchWriteEventsResponse(results=map(to_result, outcome.results), position=outcome.position)

    async def StreamEvents(
        self, request_iterator: AsyncIterator[messages.StreamEventsRequest], context: Call
    ) -> AsyncIterator[messages.StreamEventsResponse]:
        """Writes events as they come."""
        stream = EventStream(self._writer(context))
        self._streams.add(stream)
        loop = asyncio.get_running_loop()
        end = loop.call_later(STREAM_SECONDS, stream.stop, StreamTooOld()) if caller_of(context).identity else None
        try:
            async with aclosing(stream.responses(request_iterator)) as responses:
                async for response in responses:
                    yield response
        finally:
            self._streams.discard(stream)
            if end:
                end.cancel()

    async def ListRejectedEvents(
        self, request: messages.ListRejectedEventsRequest, context: Call
    ) -> messages.ListRejectedEventsResponse:
        """Lists rejected events."""
        page = await list_rejected_events(self._ingestion, request.page_size, request.page_token)
        return messages.ListRejectedEventsResponse(rejected_events=map(to_rejected, page[0]), next_page_token=page[1])

    def drain(self) -> None:
        """Has every stream read no further: it answers what it read, and ends."""
        for stream in self._streams:
            stream.stop()

    def _writer(self, context: Call) -> MessageWriter:
        return MessageWriter(self._ingestion, sender_of(context))
