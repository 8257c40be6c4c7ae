"""IngestService as a client sees it over the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from headwater.v1 import error_reason_pb2 as reasons
from headwater.v1.event_pb2 import Event, EventJob, EventResult, EventRun, RunEvent
from headwater.v1.ingest_service_pb2 import (
    BatchWriteEventsRequest,
    ListRejectedEventsRequest,
    StreamedEvent,
    StreamEventsRequest,
    WriteEventRequest,
)

if TYPE_CHECKING:
    from headwater.v1.ingest_service_pb2_grpc import IngestServiceAsyncStub

MakeEvent = Callable[..., bytes]
ACCEPTED, DUPLICATE, REJECTED = (
    EventResult.OUTCOME_ACCEPTED,
    EventResult.OUTCOME_DUPLICATE,
    EventResult.OUTCOME_REJECTED,
)


def typed_event(run: str = "run-1") -> Event:
    event = Event(run_event=RunEvent(run=EventRun(run_id=run), job=EventJob(namespace="team", name="train")))
    event.run_event.event_time.FromJsonString("2026-01-31T12:00:00Z")
    return event


async def test_an_event_is_accepted_once_and_a_repetition_is_a_duplicate(
    ingest: IngestServiceAsyncStub, event: MakeEvent
) -> None:
    request = WriteEventRequest(event=Event(open_lineage=event()))
    first, second = await ingest.WriteEvent(request), await ingest.WriteEvent(request)
    assert (first.result.outcome, second.result.outcome) == (ACCEPTED, DUPLICATE)
    assert first.result.event_id == second.result.event_id
    assert len(bytes.fromhex(first.result.event_id)) == 16
    assert first.position


async def test_a_typed_event_is_accepted(ingest: IngestServiceAsyncStub) -> None:
    assert (await ingest.WriteEvent(WriteEventRequest(event=typed_event()))).result.outcome == ACCEPTED


async def test_a_rejected_event_does_not_touch_its_neighbours(ingest: IngestServiceAsyncStub, event: MakeEvent) -> None:
    unwritable = typed_event()
    unwritable.run_event.run.facets["broken"] = b"{"
    same = event()
    bodies = [same, b"{}", same, b"\xff"]
    events = [*(Event(open_lineage=body) for body in bodies), unwritable, Event()]
    answer = await ingest.BatchWriteEvents(BatchWriteEventsRequest(events=events))
    assert [r.outcome for r in answer.results] == [ACCEPTED, REJECTED, DUPLICATE, REJECTED, REJECTED, REJECTED]
    assert [r.field for r in answer.results] == ["", "eventTime", "", "event", "run.facets.broken", "event"]
    assert {r.reason for r in answer.results if r.message} == {reasons.ERROR_REASON_INVALID_EVENT}


async def test_a_stream_answers_every_id_once_and_ends(ingest: IngestServiceAsyncStub, event: MakeEvent) -> None:
    async def requests() -> AsyncIterator[StreamEventsRequest]:
        for first in range(0, 300, 3):
            ids = range(first, first + 3)
            events = [StreamedEvent(id=i, event=Event(open_lineage=event() if i % 7 else b"[]")) for i in ids]
            yield StreamEventsRequest(events=events)

    results = [result async for answer in ingest.StreamEvents(requests()) for result in answer.results]
    assert sorted(result.id for result in results) == list(range(300))
    assert all((result.result.outcome == ACCEPTED) == bool(result.id % 7) for result in results)


async def test_a_stream_answers_while_its_client_waits(ingest: IngestServiceAsyncStub, event: MakeEvent) -> None:
    call = ingest.StreamEvents()
    for key in (7, 7, 9):
        await call.write(StreamEventsRequest(events=[StreamedEvent(id=key, event=Event(open_lineage=event()))]))
        async with asyncio.timeout(10):
            answer: Any = await call.read()
        assert [result.id for result in answer.results] == [key]
        assert answer.position
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_a_stream_that_says_nothing_ends(ingest: IngestServiceAsyncStub) -> None:
    call = ingest.StreamEvents()
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


async def test_a_stream_answers_what_came_before_a_message_that_it_refuses(
    ingest: IngestServiceAsyncStub, event: MakeEvent
) -> None:
    call = ingest.StreamEvents()
    await call.write(StreamEventsRequest(events=[StreamedEvent(id=1, event=Event(open_lineage=event()))]))
    await call.write(StreamEventsRequest())
    answer: Any = await call.read()
    assert [result.id for result in answer.results] == [1]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_stream_that_its_client_drops_harms_nobody(ingest: IngestServiceAsyncStub, event: MakeEvent) -> None:
    call = ingest.StreamEvents()
    await call.write(StreamEventsRequest(events=[StreamedEvent(id=1, event=Event(open_lineage=event()))]))
    call.cancel()
    assert (await ingest.WriteEvent(WriteEventRequest(event=typed_event()))).result.outcome == ACCEPTED


async def test_rejected_events_are_listed_newest_first_page_by_page(ingest: IngestServiceAsyncStub) -> None:
    for number in range(5):
        await ingest.BatchWriteEvents(BatchWriteEventsRequest(events=[Event(open_lineage=b"%d" % number)]))
    bodies, token = [], ""
    while True:
        page = await ingest.ListRejectedEvents(ListRejectedEventsRequest(page_size=2, page_token=token))
        bodies += [rejected.body for rejected in page.rejected_events]
        token = page.next_page_token
        if not token:
            break
    assert bodies == [b"4", b"3", b"2", b"1", b"0"]
    rejected = page.rejected_events[-1]
    assert (rejected.sender, rejected.reason) == ("127.0.0.1", reasons.ERROR_REASON_INVALID_EVENT)
    assert (rejected.body_size, rejected.field) == (1, "event")
