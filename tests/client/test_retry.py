"""Retries: what is safe is tried again, at a random moment, not before the server asked and not past the deadline."""

import time

import grpc
import pytest
from tests.client.fakes import Failure, FakeServer

from headwater import Client, Settings, SyncClient, errors
from headwater.retry import LAST_BACKOFF_SECONDS, Attempts
from headwater.v1 import lineage_service_pb2 as lineage

Code = grpc.StatusCode
DATASET = "namespaces/a/datasets/b"
AWAY = Failure(Code.UNAVAILABLE, "STORE_UNAVAILABLE")
FULL = Failure(Code.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after=0.3)


@pytest.fixture(params=["asyncio", "blocking"])
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def get(face: str, settings: Settings, timeout_seconds: float | None = None) -> str:
    """Gets a dataset over either face."""
    if face == "asyncio":
        async with Client(settings=settings) as client:
            return (await client.get_dataset(DATASET, timeout_seconds=timeout_seconds)).name
    with SyncClient(settings=settings) as sync_client:
        return sync_client.get_dataset(DATASET, timeout_seconds=timeout_seconds).name


async def test_a_server_that_comes_back_is_asked_again(server: FakeServer, face: str) -> None:
    server.fail("GetDataset", AWAY, AWAY)
    assert await get(face, Settings(address=server.address)) == DATASET
    assert len(server.received) == 3


async def test_a_call_that_an_ending_server_cut_off_without_a_word_is_made_again(server: FakeServer, face: str) -> None:
    server.fail("GetDataset", Failure(Code.CANCELLED, message=""))
    assert await get(face, Settings(address=server.address)) == DATASET
    assert len(server.received) == 2


async def test_the_server_decides_how_long_to_wait(server: FakeServer, face: str) -> None:
    server.fail("GetDataset", FULL)
    assert await get(face, Settings(address=server.address)) == DATASET
    first, second = (call.time for call in server.received)
    assert second - first >= 0.3


async def test_attempts_have_an_end(server: FakeServer, face: str) -> None:
    server.fail("GetDataset", *[AWAY] * 9)
    with pytest.raises(errors.Unavailable):
        await get(face, Settings(address=server.address, max_attempts=3))
    assert len(server.received) == 3


async def test_a_wait_past_the_deadline_is_not_begun(server: FakeServer, face: str) -> None:
    server.fail("GetDataset", Failure(Code.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after=60))
    began = time.monotonic()
    with pytest.raises(errors.Overloaded):
        await get(face, Settings(address=server.address), timeout_seconds=5)
    assert time.monotonic() - began < 2
    assert len(server.received) == 1


@pytest.mark.parametrize("code", [Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.INTERNAL, Code.FAILED_PRECONDITION])
async def test_what_cannot_succeed_is_not_tried_again(server: FakeServer, face: str, code: Code) -> None:
    server.fail("GetDataset", Failure(code))
    with pytest.raises(errors.HeadwaterError):
        await get(face, Settings(address=server.address))
    assert len(server.received) == 1


async def test_the_deadline_of_a_call_reaches_the_server(server: FakeServer, face: str) -> None:
    await get(face, Settings(address=server.address), timeout_seconds=7)
    await get(face, Settings(address=server.address, timeout_seconds=3))
    left = [call.seconds_left or 0 for call in server.received]
    assert 5 < left[0] < 7.5
    assert 1 < left[1] < 3.5


async def test_a_call_ends_at_its_deadline(server: FakeServer, face: str) -> None:
    server.delay_seconds = 5
    began = time.monotonic()
    with pytest.raises(errors.DeadlineExceeded):
        await get(face, Settings(address=server.address), timeout_seconds=0.2)
    assert time.monotonic() - began < 2
    assert len(server.received) == 1


async def test_all_attempts_share_one_deadline(server: FakeServer, face: str) -> None:
    server.fail("GetDataset", FULL)
    await get(face, Settings(address=server.address), timeout_seconds=5)
    first, second = (call.seconds_left or 0 for call in server.received)
    assert second < first - 0.2


async def test_resolving_the_address_is_tried_again_too(server: FakeServer, client: Client) -> None:
    server.fail("ResolveAddress", AWAY)
    with pytest.raises(errors.NotFound):
        await client.get_dataset("users")
    assert len(server.requests("ResolveAddress")) == 2


async def test_a_walk_is_begun_again_before_its_first_part_only(
    server: FakeServer, client: Client, sync_client: SyncClient
) -> None:
    server.parts = [lineage.TraverseLineageResponse()] * 3
    server.fail("TraverseLineage", AWAY, AWAY)
    assert len([part async for part in client.traverse_lineage(DATASET)]) == 3
    server.fail("TraverseLineage", AWAY)
    assert len(list(sync_client.traverse_lineage(DATASET))) == 3
    server.received.clear()
    server.parts_until_failure = 2
    walk = client.traverse_lineage(DATASET)
    await anext(walk)
    await anext(walk)
    with pytest.raises(errors.Unavailable):
        await anext(walk)
    assert len(server.received) == 1


async def test_where_the_time_runs_out_the_error_says_why_the_call_was_repeated(server: FakeServer, face: str) -> None:
    server.fail("GetDataset", AWAY, Failure(Code.DEADLINE_EXCEEDED))
    with pytest.raises(errors.Unavailable):
        await get(face, Settings(address=server.address))
    server.fail("GetDataset", AWAY, Failure(Code.DEADLINE_EXCEEDED, "QUERY_TIMEOUT"))
    with pytest.raises(errors.DeadlineExceeded):
        await get(face, Settings(address=server.address))


def test_the_wait_is_random_below_a_bound_that_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[tuple[float, float]] = []

    def highest(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", highest)
    attempts = Attempts(Settings(max_attempts=9, timeout_seconds=3600))
    delays = [attempts.delay_after(errors.Unavailable("away")) for _ in range(9)]
    assert [low for low, _ in bounds[:8]] == [0] * 8
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LAST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS, None]


def test_the_random_wait_comes_on_top_of_what_the_server_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    delay = Attempts(Settings()).delay_after(errors.Overloaded("full", retry_after=2.0))
    assert delay == 2.1
