"""The pace of one stream of events: its window, its patience and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import cast

import pytest

from headwater.v1.event_pb2 import Event
from headwater.v1.ingest_service_pb2 import StreamedEvent, StreamEventsRequest
from headwater_server.api import event_stream
from headwater_server.api.event_stream import EventStream
from headwater_server.api.message_writer import MessageWriter
from headwater_server.domain.errors import Overloaded, ShuttingDown, StoreUnavailable
from headwater_server.usecases.ingest import EventOutcome, Ingestion, Outcome, WriteOutcome


class FakeIngestion:
    """Writes when its gate is open, unless it is told to fail; a position for each write unless they share one."""

    def __init__(self, position: str | None = None) -> None:
        self.gate = asyncio.Event()
        self.calls = 0
        self.cancelled = 0
        self.fail: Callable[[int], None] = lambda call: None
        self._position = position

    async def write(self, bodies: Sequence[bytes], sender: str, door: str) -> WriteOutcome:
        self.calls += 1
        call = self.calls
        self.fail(call)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return WriteOutcome([EventOutcome(Outcome.ACCEPTED, b"i" * 16) for _ in bodies], self._position or str(call))


class Client:
    """Sends messages, and knows how many of them were read."""

    def __init__(self, messages: int, size: int = 10, *, ends: bool = True) -> None:
        self.read = 0
        self._messages = messages
        self._size = size
        self._ends = ends

    async def requests(self) -> AsyncIterator[StreamEventsRequest]:
        for number in range(self._messages):
            self.read += 1
            event = Event(open_lineage=b" " * self._size)
            yield StreamEventsRequest(events=[StreamedEvent(id=number, event=event)])
        if not self._ends:
            await asyncio.Event().wait()


def stream_to(ingestion: FakeIngestion) -> EventStream:
    return EventStream(MessageWriter(cast("Ingestion", ingestion), "somebody"))


async def settle() -> None:
    for _ in range(5000):
        await asyncio.sleep(0)


async def collect(stream: EventStream, client: Client) -> list[list[int]]:
    return [[r.id for r in answer.results] async for answer in stream.responses(client.requests())]


@pytest.mark.parametrize(
    ("size", "most"),
    [pytest.param(1 << 20, 16, id="large messages"), pytest.param(1, event_stream.WINDOW_MESSAGES + 1, id="many")],
)
async def test_a_stream_is_read_no_further_than_its_window(size: int, most: int) -> None:
    ingestion, client = FakeIngestion(), Client(3000 if size == 1 else 50, size)
    answers = asyncio.create_task(collect(stream_to(ingestion), client))
    await settle()
    assert client.read == most
    ingestion.gate.set()
    assert sum(map(len, await answers)) == client.read


async def test_a_message_larger_than_the_window_goes_alone() -> None:
    ingestion, client = FakeIngestion(), Client(2, event_stream.WINDOW_BYTES + 1)
    ingestion.gate.set()
    assert await collect(stream_to(ingestion), client) == [[0], [1]]


async def test_messages_of_one_transaction_are_answered_together() -> None:
    ingestion, client = FakeIngestion(position="7"), Client(20)
    answers = asyncio.create_task(collect(stream_to(ingestion), client))
    await settle()
    ingestion.gate.set()
    assert await answers == [list(range(20))]


async def test_messages_of_other_transactions_are_answered_apart() -> None:
    ingestion, client = FakeIngestion(), Client(3)
    ingestion.gate.set()
    assert await collect(stream_to(ingestion), client) == [[0], [1], [2]]


async def test_a_stream_waits_while_ingestion_has_no_room() -> None:
    ingestion, client = FakeIngestion(), Client(3)
    ingestion.gate.set()

    def refuse(call: int) -> None:
        if call < 10:
            raise Overloaded("events", 2, 1, 0.001)

    ingestion.fail = refuse
    assert await collect(stream_to(ingestion), client) == [[0], [1], [2]]


async def test_a_stream_loses_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "PATIENCE_SECONDS", 0.01)
    ingestion = FakeIngestion()

    def refuse(_: int) -> None:
        raise Overloaded("events", 2, 1, 0.005)

    ingestion.fail = refuse
    with pytest.raises(Overloaded):
        await collect(stream_to(ingestion), Client(1))


async def test_a_failure_is_told_after_the_answers_before_it_and_ends_what_is_in_flight() -> None:
    ingestion = FakeIngestion()

    def fail(call: int) -> None:
        if call == 2:
            raise StoreUnavailable

    ingestion.fail = fail
    answered: list[int] = []

    async def read() -> None:
        async for answer in stream_to(ingestion).responses(Client(5, ends=False).requests()):
            answered.extend(result.id for result in answer.results)
            ingestion.gate.clear()

    reading = asyncio.create_task(read())
    await settle()
    ingestion.gate.set()
    with pytest.raises(StoreUnavailable):
        await reading
    assert answered == [0]


async def test_a_stream_that_is_stopped_answers_what_it_read_and_ends() -> None:
    ingestion, client = FakeIngestion(), Client(3, ends=False)
    stream = stream_to(ingestion)
    responses = stream.responses(client.requests())
    first = asyncio.ensure_future(anext(responses))
    await settle()
    stream.stop()
    ingestion.gate.set()
    answers = [await first, await anext(responses), await anext(responses)]
    assert [result.id for answer in answers for result in answer.results] == [0, 1, 2]
    with pytest.raises(ShuttingDown):
        await anext(responses)


async def test_a_stream_that_is_left_leaves_nothing_behind() -> None:
    ingestion, client = FakeIngestion(), Client(3, ends=False)
    async with aclosing(stream_to(ingestion).responses(client.requests())) as responses:
        waiting = asyncio.ensure_future(anext(responses))
        await settle()
        waiting.cancel()
        await asyncio.wait([waiting])
    assert ingestion.cancelled == 3
    assert len(asyncio.all_tasks()) == 1
