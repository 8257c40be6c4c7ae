"""Delivery: everything reaches the server, in order, or becomes a dead letter; nothing holds the line up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import grpc
import pytest
from tests.client.fakes import Failure, FakeServer

from headwater import Client, HeadwaterError, Internal, InvalidArgument, Settings, TooLarge
from headwater.spool import Delivery, Gap, Item, Limits, Pace, Spool, SpoolFile
from headwater.v1 import error_reason_pb2, event_pb2
from headwater.v1 import ingest_service_pb2 as api

from .examples import item, text_of, texts

QUICK = Pace(first_backoff_seconds=0.01, last_backoff_seconds=0.05, ask_backoff_seconds=0.05, timeout_seconds=5)
REJECTED = event_pb2.EventResult(
    outcome=event_pb2.EventResult.OUTCOME_REJECTED,
    reason=error_reason_pb2.ERROR_REASON_INVALID_EVENT,
    field="run.runId",
    message="run.runId is missing",
)


class PickyWriter:
    """Takes calls as a server does, and fails those that `refuses` finds fault with."""

    def __init__(self, refuses: Callable[[list[str]], HeadwaterError | None]) -> None:
        self.refuses = refuses
        self.calls: list[list[str]] = []
        self.taken: list[str] = []

    async def batch_write_events(
        self, events: Iterable[event_pb2.Event], *, timeout_seconds: float | None = None
    ) -> api.BatchWriteEventsResponse:
        names = texts(events)
        self.calls.append(names)
        error = self.refuses(names)
        if error is not None:
            raise error
        self.taken += names
        accepted = event_pb2.EventResult(outcome=event_pb2.EventResult.OUTCOME_ACCEPTED)
        return api.BatchWriteEventsResponse(results=[accepted] * len(names))


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    async with Spool(SpoolFile(tmp_path / "operator.spool")) as opened:
        yield opened


@pytest.fixture
async def impatient(server: FakeServer) -> AsyncIterator[Client]:
    async with Client(settings=Settings(address=server.address, max_attempts=1)) as running:
        yield running


async def is_empty(spool: Spool) -> None:
    """Waits until nothing waits."""
    async with asyncio.timeout(30):
        await spool.wait_until(lambda figures: not figures.depth)


async def test_what_is_put_is_delivered_in_order(spool: Spool, server: FakeServer, impatient: Client) -> None:
    async with Delivery(spool, impatient, pace=QUICK) as delivery:
        for number in range(250):
            await spool.put([item(str(number))])
        await is_empty(spool)
        state = delivery.state()
    assert texts(server.events) == [str(number) for number in range(250)]
    assert (state.figures.delivered, state.figures.depth, state.last_error) == (250, 0, "")
    assert state.last_success_time is not None


async def test_what_waited_before_is_delivered_in_batches_that_grow(
    spool: Spool, server: FakeServer, impatient: Client
) -> None:
    await spool.put([item(str(number)) for number in range(2000)])
    async with Delivery(spool, impatient, pace=QUICK) as delivery:
        assert await delivery.drain(30) == 0
    sizes = [len(request.events) for request in server.requests("BatchWriteEvents")]
    assert sizes == [100, 200, 400, 800, 500]


async def test_a_server_that_is_away_gets_everything_when_it_is_back(
    spool: Spool, server: FakeServer, impatient: Client
) -> None:
    server.stop()
    async with Delivery(spool, impatient, pace=QUICK) as delivery:
        await spool.put([item("1"), item("2")])
        while not delivery.state().last_error:
            await asyncio.sleep(0.01)
        assert delivery.state().last_error_time is not None
        assert not delivery.state().needs_attention
        assert spool.figures.depth == 2
        server.start()
        await is_empty(spool)
    assert texts(server.events) == ["1", "2"]


async def test_the_server_says_how_long_to_wait(spool: Spool, server: FakeServer, impatient: Client) -> None:
    overloaded = Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after=0.5)
    server.fail("BatchWriteEvents", overloaded)
    await spool.put([item(str(number)) for number in range(100)])
    async with Delivery(spool, impatient, pace=QUICK):
        await is_empty(spool)
    first, *others = (call for call in server.received if call.rpc == "BatchWriteEvents")
    assert others[0].time - first.time >= 0.5
    assert [len(call.request.events) for call in (first, others[0])] == [100, 50]  # type: ignore[attr-defined]


async def test_a_rejected_event_is_set_aside_and_the_others_go_on(
    spool: Spool, server: FakeServer, impatient: Client
) -> None:
    server.results[b"2"] = REJECTED
    await spool.put([item("1"), item("2"), item("3")])
    async with Delivery(spool, impatient, pace=QUICK):
        await is_empty(spool)
    assert texts(server.events) == ["1", "3"]
    (letter,) = await spool.dead_letters()
    assert text_of(letter.item.event) == "2"
    assert (letter.refusal.reason, letter.refusal.field) == ("INVALID_EVENT", "run.runId")
    assert letter.refusal.message == "run.runId is missing"


async def test_what_is_no_event_is_set_aside(spool: Spool, server: FakeServer, impatient: Client) -> None:
    await spool.put([item("1"), Item(b"\xff\xff no message"), item("3")])
    async with Delivery(spool, impatient, pace=QUICK):
        await is_empty(spool)
    assert texts(server.events) == ["1", "3"]
    assert [letter.refusal.reason for letter in await spool.dead_letters()] == ["UNREADABLE"]


@pytest.mark.parametrize("bad", [{"0"}, {"99"}, {"37"}, {"36", "37", "80"}])
@pytest.mark.parametrize("error", [InvalidArgument("bad field", grpc.StatusCode.INVALID_ARGUMENT), Internal("oops")])
async def test_a_call_that_is_refused_is_split_until_the_culprit_is_found(
    spool: Spool, bad: set[str], error: HeadwaterError
) -> None:
    writer = PickyWriter(lambda names: error if bad & set(names) else None)
    await spool.put([item(str(number)) for number in range(100)])
    async with Delivery(spool, writer, pace=Pace(first_backoff_seconds=0, attempts_at_suspects=2)):
        await is_empty(spool)
    assert writer.taken == [str(number) for number in range(100) if str(number) not in bad]
    assert {text_of(letter.item.event) for letter in await spool.dead_letters()} == bad
    assert len(writer.calls) < 20 * len(bad)


async def test_a_call_that_is_too_large_is_split(spool: Spool) -> None:
    writer = PickyWriter(lambda names: TooLarge("too large") if len(names) > 3 or "big" in names else None)
    await spool.put([item(name) for name in ("1", "2", "3", "4", "big", "5")])
    async with Delivery(spool, writer, pace=QUICK):
        await is_empty(spool)
    assert writer.taken == ["1", "2", "3", "4", "5"]
    assert [text_of(letter.item.event) for letter in await spool.dead_letters()] == ["big"]


@pytest.mark.parametrize("code", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED])
async def test_a_missing_permission_is_told_and_waited_for(
    code: grpc.StatusCode, spool: Spool, server: FakeServer, impatient: Client
) -> None:
    server.fail("BatchWriteEvents", *[Failure(code, message="who are you?")] * 3)
    await spool.put([item("1")])
    async with Delivery(spool, impatient, pace=QUICK) as delivery:
        while not delivery.state().needs_attention:
            await asyncio.sleep(0)
        assert "who are you?" in delivery.state().last_error
        await is_empty(spool)
        assert not delivery.state().needs_attention
    assert texts(server.events) == ["1"]
    assert await spool.dead_letters() == []


async def test_an_answer_that_tells_too_little_is_no_success(spool: Spool) -> None:
    class Forgetful(PickyWriter):
        async def batch_write_events(
            self, events: Iterable[event_pb2.Event], *, timeout_seconds: float | None = None
        ) -> api.BatchWriteEventsResponse:
            answer = await super().batch_write_events(events)
            return answer if len(self.calls) > 1 else api.BatchWriteEventsResponse()

    await spool.put([item("1")])
    writer = Forgetful(lambda _: None)
    async with Delivery(spool, writer, pace=QUICK):
        await is_empty(spool)
    assert writer.taken == ["1", "1"]


async def test_a_gap_becomes_an_event_once_there_is_room(tmp_path: Path) -> None:
    def tell(gap: Gap) -> event_pb2.Event:
        return event_pb2.Event(open_lineage=f"{gap.dropped} dropped".encode())

    limits = Limits(max_bytes=1000)
    async with Spool(SpoolFile(tmp_path / "a.spool", limits), block_seconds=0) as spool:
        await spool.put([item("1", size=900)])
        assert await spool.put([item("2", size=200, droppable=True)] * 3) == 3
        writer = PickyWriter(lambda _: None)
        async with Delivery(spool, writer, make_gap_event=tell, pace=QUICK) as delivery:
            await delivery.drain(30)
            assert delivery.state().figures.gaps == 0
        assert writer.taken == ["1", "3 dropped"]


async def test_what_lies_beside_an_event_can_go_with_it(spool: Spool) -> None:
    def with_context(item: Item) -> event_pb2.Event:
        return event_pb2.Event(open_lineage=item.context + b" " + event_pb2.Event.FromString(item.event).open_lineage)

    writer = PickyWriter(lambda _: None)
    await spool.put([Item(item("1").event, context=b"pod-7")])
    async with Delivery(spool, writer, make_event=with_context):
        await is_empty(spool)
    assert writer.taken == ["pod-7 1"]


async def test_draining_hurries_and_ends_in_time(spool: Spool, server: FakeServer, impatient: Client) -> None:
    patient = Pace(first_backoff_seconds=3600, last_backoff_seconds=3600)
    server.stop()
    await spool.put([item("1")])
    async with Delivery(spool, impatient, pace=patient) as delivery:
        while not delivery.state().last_error:
            await asyncio.sleep(0.01)
        assert await delivery.drain(0.2) == 1
        server.start()
        assert await delivery.drain(30) == 0
    assert texts(server.events) == ["1"]


async def test_a_delivery_that_is_cut_short_loses_nothing(spool: Spool, server: FakeServer, impatient: Client) -> None:
    server.delay_seconds = 0.2
    await spool.put([item("1")])
    async with Delivery(spool, impatient, pace=QUICK):
        while not server.requests("BatchWriteEvents"):
            await asyncio.sleep(0.01)
    assert spool.figures.depth == 1
    async with Delivery(spool, impatient, pace=QUICK):
        await is_empty(spool)
    assert texts(server.events) == ["1"]


async def test_a_fault_of_its_own_is_told_and_delivery_goes_on(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    faults = [ZeroDivisionError("a fault")]

    def refuse(_: list[str]) -> None:
        if faults:
            raise faults.pop()

    await spool.put([item("1")])
    writer = PickyWriter(refuse)
    async with Delivery(spool, writer, pace=QUICK):
        await is_empty(spool)
    assert writer.taken == ["1"]
    assert "a fault" in caplog.text
