"""A server that stops finishes what it took, takes nothing new, and keeps nobody waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from headwater.v1.event_pb2 import Event, EventResult
from headwater.v1.ingest_service_pb2 import StreamedEvent, StreamEventsRequest, WriteEventRequest
from headwater.v1.ingest_service_pb2_grpc import IngestServiceStub
from headwater_server.app import Addresses, running
from headwater_server.config import parse_settings

MakeEvent = Callable[..., bytes]


class Stoppable:
    """A server that a test can stop, and clients of it."""

    def __init__(self, stack: AsyncExitStack, addresses: Addresses) -> None:
        self._stack = stack
        self.channel = grpc.aio.insecure_channel(str(addresses.grpc))
        self.http = httpx.AsyncClient(base_url=f"http://{addresses.http}", timeout=30)
        self.ingest = IngestServiceStub(self.channel)

    def stop(self) -> asyncio.Task[None]:
        return asyncio.create_task(self._stack.aclose())


@pytest_asyncio.fixture
async def stoppable(database: str, tmp_path: Path) -> AsyncIterator[Stoppable]:
    arguments = ["--dsn", database, "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"]
    settings = parse_settings([*arguments, "--drain-timeout-seconds", "20"], {"HOME": str(tmp_path)})
    async with AsyncExitStack() as stack:
        started = Stoppable(stack, await stack.enter_async_context(running(settings)))
        yield started
        await started.http.aclose()
        await started.channel.close()


@asynccontextmanager
async def nothing_commits(database: str) -> AsyncIterator[None]:
    """A time in which events can be taken and not be committed."""
    connection = await asyncpg.connect(database)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def wait_for_writer(database: str) -> None:
    """Returns when a transaction of the server waits for the lock."""
    connection = await asyncpg.connect(database)
    try:
        async with asyncio.timeout(10):
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


async def stored(database: str) -> int:
    connection = await asyncpg.connect(database)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM events")
    finally:
        await connection.close()
    return count


async def test_what_was_taken_is_answered_after_its_commit(
    stoppable: Stoppable, database: str, event: MakeEvent
) -> None:
    stream = stoppable.ingest.StreamEvents()
    async with nothing_commits(database):
        unary = asyncio.ensure_future(stoppable.ingest.WriteEvent(WriteEventRequest(event=Event(open_lineage=event()))))
        posted = asyncio.create_task(stoppable.http.post("/api/v1/lineage", content=event()))
        await stream.write(StreamEventsRequest(events=[StreamedEvent(id=5, event=Event(open_lineage=event()))]))
        await wait_for_writer(database)
        stopping = stoppable.stop()
        await asyncio.sleep(0.5)
        assert not stopping.done()
        assert not posted.done()
    assert (await unary).result.outcome == EventResult.OUTCOME_ACCEPTED
    assert (await posted).status_code == 201
    answer: Any = await stream.read()
    assert [result.id for result in answer.results] == [5]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await stopping
    assert await stored(database) == 3


async def test_those_who_watch_or_stream_idly_are_told_and_keep_nobody_waiting(stoppable: Stoppable) -> None:
    health: Any = health_pb2_grpc.HealthStub(stoppable.channel)
    watch = health.Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    stream = stoppable.ingest.StreamEvents()
    await stream.write(StreamEventsRequest(events=[StreamedEvent(id=1, event=Event(open_lineage=b"{}"))]))
    await stream.read()
    async with asyncio.timeout(5):
        stopping = stoppable.stop()
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        await stopping


async def test_what_never_ends_is_cut_when_the_time_is_over(database: str, tmp_path: Path, event: MakeEvent) -> None:
    arguments = ["--dsn", database, "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"]
    settings = parse_settings([*arguments, "--drain-timeout-seconds", "1"], {"HOME": str(tmp_path)})
    async with nothing_commits(database), asyncio.timeout(15), AsyncExitStack() as stack:
        started = Stoppable(stack, await stack.enter_async_context(running(settings)))
        request = WriteEventRequest(event=Event(open_lineage=event()))
        unary = asyncio.ensure_future(started.ingest.WriteEvent(request))
        await wait_for_writer(database)
        await started.stop()
        with pytest.raises(grpc.aio.AioRpcError):
            await unary
        await started.http.aclose()
        await started.channel.close()
