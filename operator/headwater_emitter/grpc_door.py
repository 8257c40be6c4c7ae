"""The contract's IngestService, as an emitter answers it.

ACCEPTED means here that the event is safe on this disk, and will be taken to the server for as long as that takes; it
does not mean that the server has committed it. So there is no position, no identity and never DUPLICATE: only the
server can say those. What it will never take is listed by ListRejectedEvents.
"""
# ruff: noqa: N802 (methods are called as the contract calls them)

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from headwater.errors import DOMAIN, HeadwaterError
from headwater.program.values import Address
from headwater.spool import DeadLetter
from headwater.v1 import ingest_service_pb2 as messages
from headwater.v1.error_reason_pb2 import ErrorReason
from headwater.v1.event_pb2 import Event, EventResult
from headwater.v1.ingest_service_pb2_grpc import IngestServiceServicer, add_IngestServiceServicer_to_server

from .dead_letters import list_page
from .intake import MESSAGES, Intake
from .refusals import invalid_field, too_large

Call: TypeAlias = "grpc.aio.ServicerContext[Message, Message]"
A = TypeVar("A")

DOOR = "grpc"
MAX_EVENTS = 10_000
"""How many events one message may carry, as the server has it."""
WINDOW_MESSAGES = 64
"""How many messages of a stream are being kept at a time; the rest waits in the client."""
GRACE_SECONDS = 1.0

logger = logging.getLogger(__name__)


class GrpcDoor(IngestServiceServicer):
    """Takes events in three ways, and lists dead letters."""

    def __init__(
        self,
        intake: Intake,
        dead_letters: Callable[[], Awaitable[Sequence[DeadLetter]]],
        *,
        sender: str,
        max_request_bytes: int,
    ) -> None:
        self._intake = intake
        self._dead_letters = dead_letters
        self._sender = sender
        self._max_request_bytes = max_request_bytes

    async def WriteEvent(self, request: messages.WriteEventRequest, context: Call) -> messages.WriteEventResponse:
        """Takes one event."""
        (refusal,) = await self._take(request, [request.event], context)
        if refusal:
            await _tell(context, refusal)
        return messages.WriteEventResponse(result=_result(None))

    async def BatchWriteEvents(
        self, request: messages.BatchWriteEventsRequest, context: Call
    ) -> messages.BatchWriteEventsResponse:
        """Takes many events."""
        refusals = await self._take(request, request.events, context)
        return messages.BatchWriteEventsResponse(results=map(_result, refusals))

    async def StreamEvents(
        self, request_iterator: AsyncIterator[messages.StreamEventsRequest], context: Call
    ) -> AsyncIterator[messages.StreamEventsResponse]:
        """Takes events as they come, and answers messages in their order."""
        taking: asyncio.Queue[tuple[Sequence[int], asyncio.Task[list[HeadwaterError | None]]] | None]
        taking = asyncio.Queue(WINDOW_MESSAGES)

        async def read() -> None:
            try:
                async for request in request_iterator:
                    events = [each.event for each in request.events]
                    task = asyncio.create_task(self._checked(request, events))
                    await taking.put(([each.id for each in request.events], task))
            finally:
                await taking.put(None)

        reader = asyncio.create_task(read())
        try:
            while (found := await taking.get()) is not None:
                ids, task = found
                try:
                    results = [
                        messages.StreamedResult(id=key, result=_result(refusal))
                        for key, refusal in zip(ids, await task, strict=True)
                    ]
                except HeadwaterError as error:
                    await _tell(context, error)
                yield messages.StreamEventsResponse(results=results)
        finally:
            reader.cancel()
            left = [taking.get_nowait() for _ in range(taking.qsize())]
            await asyncio.gather(reader, *(each[1] for each in left if each), return_exceptions=True)

    async def ListRejectedEvents(
        self, request: messages.ListRejectedEventsRequest, context: Call
    ) -> messages.ListRejectedEventsResponse:
        """Lists what the server will never take, newest first."""
        try:
            return list_page(await self._dead_letters(), request, self._sender)
        except HeadwaterError as error:
            await _tell(context, error)

    async def _take(self, request: Message, events: Sequence[Event], context: Call) -> list[HeadwaterError | None]:
        try:
            return await self._checked(request, events)
        except HeadwaterError as error:
            await _tell(context, error)

    async def _checked(self, request: Message, events: Sequence[Event]) -> list[HeadwaterError | None]:
        size = request.ByteSize()
        if size > self._max_request_bytes:
            raise too_large("request", size, self._max_request_bytes, "bytes")
        if not events:
            raise invalid_field("events", "is empty", f"send 1 to {MAX_EVENTS} events")
        if len(events) > MAX_EVENTS:
            raise too_large("events", len(events), MAX_EVENTS, "events")
        return await self._intake.take(events, DOOR, MESSAGES)


@contextlib.asynccontextmanager
async def serving(address: Address, door: GrpcDoor, *, max_request_bytes: int) -> AsyncIterator[Address]:
    """Serves inside of the block; gives where. Raises OSError where the address is taken."""
    options = [
        # What is a little too large is refused by us, with a reason; gRPC gives none.
        ("grpc.max_receive_message_length", 2 * max_request_bytes),
        ("grpc.max_send_message_length", -1),
        # Two emitters would share a port without a word.
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ]
    server = grpc.aio.server(options=options)
    add_IngestServiceServicer_to_server(door, server)
    try:
        port = server.add_insecure_port(str(address))
    except RuntimeError as error:
        raise OSError(f"gRPC cannot listen on {address}: {error}") from error
    await server.start()
    try:
        yield Address(address.host, port)
    finally:
        await server.stop(GRACE_SECONDS)


_ACCEPTED = EventResult(outcome=EventResult.OUTCOME_ACCEPTED)


def _result(refusal: HeadwaterError | None) -> EventResult:
    if refusal is None:
        return _ACCEPTED
    return EventResult(
        outcome=EventResult.OUTCOME_REJECTED,
        reason=ErrorReason.Value(f"ERROR_REASON_{refusal.reason}"),
        message=refusal.message,
        field=refusal.metadata.get("field", ""),
    )


async def _tell(context: Call, error: HeadwaterError) -> NoReturn:
    """Ends a call with an error, told as the server tells its own."""
    status = status_pb2.Status(code=error.code.value[0], message=error.message)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    status.details.append(_packed(info))
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after * 1000))
        status.details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    await context.abort(error.code, error.message, (("grpc-status-details-bin", status.SerializeToString()),))
    raise AssertionError("abort raises")


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
