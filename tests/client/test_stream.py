"""The stream: each event acknowledged by its id, none lost, no more on their way than the window holds."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
from tests.client.fakes import Failure, FakeServer

from headwater import Acknowledgement, Client, Settings, SyncClient, errors
from headwater.stream import GROUP_BYTES
from headwater.v1 import event_pb2

ACCEPTED = event_pb2.EventResult.OUTCOME_ACCEPTED
DUPLICATE = event_pb2.EventResult.OUTCOME_DUPLICATE
REJECTED = event_pb2.EventResult.OUTCOME_REJECTED
EVENTS = [f'{{"number": {number}}}'.encode() for number in range(40)]


def stored(server: FakeServer) -> list[bytes]:
    return [event.open_lineage for event in server.events]


async def slowly(events: list[bytes]) -> AsyncIterator[bytes]:
    for event in events:
        await asyncio.sleep(0.005)
        yield event


async def acknowledged(client: Client, window: int = 1000) -> list[Acknowledgement]:
    return [each async for each in client.stream(slowly(EVENTS), window=window)]


async def test_every_event_is_acknowledged_once_by_its_id(server: FakeServer, client: Client) -> None:
    answers = await acknowledged(client)
    assert sorted(each.id for each in answers) == list(range(40))
    assert {each.result.outcome for each in answers} == {ACCEPTED}
    assert sorted(stored(server)) == sorted(EVENTS)
    assert max(int(each.position) for each in answers) == 40
    assert server.ingest.streams == 1


async def test_an_acknowledgement_belongs_to_its_event(server: FakeServer, client: Client) -> None:
    server.results[EVENTS[7]] = event_pb2.EventResult(outcome=REJECTED, field="run.runId")
    [rejected] = [each for each in await acknowledged(client) if each.result.outcome == REJECTED]
    assert rejected.id == 7
    assert rejected.result.field == "run.runId"


async def test_no_more_events_are_on_their_way_than_the_window_holds(server: FakeServer, client: Client) -> None:
    answers = [each async for each in client.stream(EVENTS, window=3)]
    assert len(answers) == 40
    assert server.ingest.most_in_flight == 3


async def test_events_that_are_at_hand_travel_together(server: FakeServer, client: Client) -> None:
    assert len([each async for each in client.stream(EVENTS)]) == 40
    assert len(server.requests("StreamedEvents")) < 5


async def test_large_events_travel_apart(server: FakeServer, client: Client) -> None:
    large = [bytes([65 + number]) * (GROUP_BYTES // 2) for number in range(3)]
    assert len([each async for each in client.stream(large)]) == 3
    assert max(request.ByteSize() for request in server.requests("StreamedEvents")) < GROUP_BYTES


async def test_an_event_is_acknowledged_while_the_next_is_awaited(server: FakeServer, client: Client) -> None:
    first_is_acknowledged = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        yield EVENTS[0]
        async with asyncio.timeout(5):
            await first_is_acknowledged.wait()
        yield EVENTS[1]

    async for acknowledgement in client.stream(events()):
        if acknowledgement.id == 0:
            first_is_acknowledged.set()
    assert len(server.events) == 2


async def test_what_was_not_acknowledged_is_sent_again(server: FakeServer, client: Client) -> None:
    server.ingest.breaks.extend([5, 10])
    answers = await acknowledged(client)
    assert sorted(each.id for each in answers) == list(range(40))
    assert sorted(stored(server)) == sorted(EVENTS)
    assert DUPLICATE in {each.result.outcome for each in answers}
    assert server.ingest.streams == 3


async def test_a_server_that_ends_the_stream_early_is_connected_to_again(server: FakeServer, client: Client) -> None:
    server.ingest.ends.extend([5])
    assert len(await acknowledged(client)) == 40
    assert server.ingest.streams == 2


async def test_a_server_that_ends_every_stream_early_is_given_up(server: FakeServer) -> None:
    server.ingest.ends.extend([0] * 99)
    async with Client(settings=Settings(address=server.address, max_attempts=3)) as client:
        with pytest.raises(errors.Unavailable):
            await acknowledged(client)
    assert server.ingest.streams == 3


async def test_attempts_are_counted_from_the_last_acknowledgement(server: FakeServer) -> None:
    server.ingest.breaks.extend([6] * 4)
    async with Client(settings=Settings(address=server.address, max_attempts=2)) as client:
        assert len(await acknowledged(client, window=5)) == 40
    assert server.ingest.streams == 5


async def test_an_acknowledgement_that_is_repeated_is_given_once(server: FakeServer, client: Client) -> None:
    server.ingest.repeats_itself = True
    assert sorted(each.id for each in await acknowledged(client)) == list(range(40))


async def test_a_server_that_restarts_loses_nothing(server: FakeServer, client: Client) -> None:
    count = 0
    async for _ in client.stream(slowly(EVENTS), window=5):
        count += 1
        if count == 10:
            server.stop()
            server.start()
    assert count == 40
    assert sorted(stored(server)) == sorted(EVENTS)


async def test_a_server_that_stays_away_ends_the_stream(server: FakeServer) -> None:
    away = Failure(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    server.fail("StreamEvents", *[away] * 9)
    async with Client(settings=Settings(address=server.address, max_attempts=3)) as client:
        with pytest.raises(errors.Unavailable):
            await acknowledged(client)
    assert len(server.requests("StreamEvents")) == 3


async def test_what_cannot_succeed_ends_the_stream_at_once(server: FakeServer, client: Client) -> None:
    server.fail("StreamEvents", *[Failure(grpc.StatusCode.PERMISSION_DENIED)] * 9)
    with pytest.raises(errors.PermissionDenied):
        await acknowledged(client)
    # One more where the refusal and an event crossed.
    assert len(server.requests("StreamEvents")) <= 2


async def test_a_server_that_says_nothing_is_given_up(server: FakeServer, client: Client) -> None:
    server.ingest.is_silent = True
    stream = client.stream([b"{}"], timeout_seconds=0.3)
    with pytest.raises(errors.DeadlineExceeded, match=r"0.3 s"):
        async with asyncio.timeout(5):
            await anext(stream)


async def test_waiting_for_the_next_event_is_no_silence_of_the_server(client: Client) -> None:
    async def events() -> AsyncIterator[bytes]:
        yield EVENTS[0]
        await asyncio.sleep(0.7)
        yield EVENTS[1]

    assert len([each async for each in client.stream(events(), timeout_seconds=0.3)]) == 2


async def test_patience_begins_anew_with_an_event_after_a_pause(server: FakeServer, client: Client) -> None:
    server.ingest.interval_seconds = 0.4
    is_acknowledged = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        yield EVENTS[0]
        await is_acknowledged.wait()
        await asyncio.sleep(0.45)  # just before patience ends, and just after the server looked for events
        yield EVENTS[1]

    count = 0
    async for _ in client.stream(events(), timeout_seconds=0.5):
        count += 1
        is_acknowledged.set()
    assert count == 2


async def test_an_error_of_the_events_is_raised_once_the_rest_is_acknowledged(client: Client) -> None:
    async def events() -> AsyncIterator[bytes]:
        yield EVENTS[0]
        yield EVENTS[1]
        raise LookupError("the spool is gone")

    stream = client.stream(events())
    assert {(await anext(stream)).id, (await anext(stream)).id} == {0, 1}
    with pytest.raises(LookupError, match="spool"):
        await anext(stream)


async def test_a_stream_that_is_left_stops_asking_for_events(server: FakeServer, client: Client) -> None:
    asked = 0

    async def events() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield f'{{"number": {asked}}}'.encode()

    stream = client.stream(events(), window=2)
    await anext(stream)
    await stream.aclose()
    asked_until_now = asked
    await asyncio.sleep(0.1)
    assert asked == asked_until_now
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_no_events_need_no_server(client: Client) -> None:
    assert [each async for each in client.stream([])] == []


def test_a_blocking_stream_acknowledges_in_order(server: FakeServer, sync_client: SyncClient) -> None:
    server.results[EVENTS[7]] = event_pb2.EventResult(outcome=REJECTED)
    answers = list(sync_client.stream(EVENTS, window=15))
    assert [each.id for each in answers] == list(range(40))
    assert [each.id for each in answers if each.result.outcome == REJECTED] == [7]
    assert [len(request.events) for request in server.requests("BatchWriteEvents")] == [15, 15, 10]
    assert answers[-1].position == "39"


def test_a_blocking_stream_takes_events_as_it_needs_them(server: FakeServer, sync_client: SyncClient) -> None:
    taken: list[bytes] = []

    def events() -> Iterator[bytes]:
        for event in EVENTS:
            taken.append(event)
            yield event

    next(sync_client.stream(events(), window=5))
    assert len(taken) <= 6


def test_a_blocking_stream_sends_large_events_apart(sync_client: SyncClient, server: FakeServer) -> None:
    large = [bytes([65 + number]) * (GROUP_BYTES // 2) for number in range(3)]
    assert len(list(sync_client.stream(large))) == 3
    assert max(request.ByteSize() for request in server.requests("BatchWriteEvents")) < GROUP_BYTES
