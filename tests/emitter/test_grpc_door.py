"""The emitter's gRPC door takes the contract's events as the server does, in its three ways, and lists what is dead."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from tests.conftest import RunningServer

from headwater import Client, Settings
from headwater.errors import InvalidArgument, InvalidEvent, InvalidPageToken, TooLarge
from headwater.v1 import event_pb2 as pb
from headwater.v1 import ingest_service_pb2 as api
from headwater.v1.error_reason_pb2 import ErrorReason

from .emitters import EmitterProcess
from .events import an_event, runs_at

ACCEPTED, REJECTED = pb.EventResult.OUTCOME_ACCEPTED, pb.EventResult.OUTCOME_REJECTED


@pytest.fixture
async def client(emitter: EmitterProcess) -> AsyncIterator[Client]:
    async with Client(settings=Settings(address=emitter.grpc)) as found:
        yield found


def typed(run_id: str) -> pb.RunEvent:
    event = pb.RunEvent(run=pb.EventRun(run_id=run_id), job=pb.EventJob(namespace="team", name="load"))
    event.event_time.FromJsonString("2026-11-23T12:00:00Z")
    return event


async def test_an_event_arrives(client: Client, emitter: EmitterProcess, server: RunningServer) -> None:
    event = an_event()
    answer = await client.write_event(event)
    assert answer.result.outcome == ACCEPTED
    assert answer.position == "", "only the server knows of a position"
    await emitter.until(lambda found: found["delivered"] == 1)
    assert await runs_at(server.grpc_address) == [event["run"]["runId"]]


async def test_a_typed_event_arrives(client: Client, emitter: EmitterProcess, server: RunningServer) -> None:
    run_id = an_event()["run"]["runId"]
    await client.write_event(typed(run_id))
    await emitter.until(lambda found: found["delivered"] == 1)
    assert await runs_at(server.grpc_address) == [run_id]


async def test_one_bad_event_of_a_batch_does_not_harm_the_others(client: Client, emitter: EmitterProcess) -> None:
    answer = await client.batch_write_events([an_event(), b"nonsense", pb.Event(), an_event()])
    assert [each.outcome for each in answer.results] == [ACCEPTED, REJECTED, REJECTED, ACCEPTED]
    assert [each.reason for each in answer.results[1:3]] == [ErrorReason.ERROR_REASON_INVALID_EVENT] * 2
    assert [each.field for each in answer.results[1:3]] == ["event", "event"]
    await emitter.until(lambda found: found["delivered"] == 2)


async def test_a_single_bad_event_is_an_error_with_the_reason_of_the_server(
    client: Client, server: RunningServer
) -> None:
    async with Client(settings=Settings(address=server.grpc_address)) as direct:
        for event in (b"nonsense", b"[]", pb.Event()):
            with pytest.raises(InvalidEvent) as expected:
                await direct.write_event(event)
            with pytest.raises(InvalidEvent) as raised:
                await client.write_event(event)
            assert (str(raised.value), raised.value.metadata) == (str(expected.value), expected.value.metadata)


async def test_a_stream_is_acknowledged_event_by_event(client: Client, emitter: EmitterProcess) -> None:
    events = [json.dumps(an_event()) if number % 10 else "nonsense" for number in range(1000)]
    found = [each async for each in client.stream(events)]
    assert [each.id for each in found] == [*range(1000)]
    assert [each.id for each in found if each.result.outcome == REJECTED] == [*range(0, 1000, 10)]
    await emitter.until(lambda found: found["delivered"] == 900)


async def test_a_call_without_events_or_with_too_many_is_refused(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="1 to 10000"):
        await client.batch_write_events([])
    with pytest.raises(TooLarge, match="10001"):
        await client.batch_write_events([b"{}"] * 10_001)


async def test_dead_letters_are_listed_newest_first(client: Client, emitter: EmitterProcess) -> None:
    bodies = [json.dumps({"eventTime": f"{number}. of May", "run": {"runId": "a"}}) for number in range(5)]
    await client.batch_write_events(bodies)
    await emitter.until(lambda found: found["dead_letters"] == 5)
    found = [each async for each in client.rejected_events(page_size=2)]
    assert [each.body.decode() for each in found] == bodies[::-1]
    assert {each.reason for each in found} == {ErrorReason.ERROR_REASON_INVALID_EVENT}
    assert found[0].field == "eventTime"
    assert found[0].receive_time.ToSeconds() > 0
    request = api.ListRejectedEventsRequest(page_token="nonsense")
    with pytest.raises(InvalidPageToken):
        await client._ask(request, api.ListRejectedEventsResponse, None)
