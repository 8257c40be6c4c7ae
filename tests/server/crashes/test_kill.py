"""kill -9 of a server, one of its processes and PostgreSQL under load: nothing acknowledged is lost, or there twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest

from headwater.names import DatasetName, JobName
from headwater.v1 import catalog_service_pb2, event_pb2, ingest_service_pb2
from headwater.v1 import catalog_service_pb2_grpc as catalog
from headwater.v1 import ingest_service_pb2_grpc as ingest
from headwater.v1.event_pb2 import EventResult

from ...server_process import READY, kill_postgres, postgres_lives, processes_of, serve

T = TypeVar("T")
ROUNDS = 3
SENDERS = 4
BATCH = 25


class Server:
    """A server as a process of its own, with a PostgreSQL of its own, that can be killed and started again."""

    def __init__(self, folder: Path, *options: object) -> None:
        self._folder = folder
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self.address = ""

    async def start(self) -> None:
        """Starts it; returns when it answers."""
        self._process = await asyncio.create_subprocess_exec(
            *serve("--data-dir", self._folder, "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"),
            *map(str, self._options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            while (found := READY.search((await self._process.stdout.readline()).decode())) is None:
                assert self._process.returncode is None, "the server ended before it was ready"
        self.address = found[1]

    async def kill(self) -> None:
        """Ends it as `kill -9` does."""
        assert self._process is not None
        processes = processes_of(self._process.pid)
        self._process.kill()
        await self._process.wait()
        await until(lambda: not any(Path(f"/proc/{each}").exists() for each in processes))

    async def kill_one_process(self) -> None:
        """Ends one of several processes as `kill -9` does; returns when there are as many as before."""
        assert self._process is not None
        parent = self._process.pid
        before = processes_of(parent)
        victim = random.choice(before)
        os.kill(victim, signal.SIGKILL)
        await until(lambda: len(now := processes_of(parent)) == len(before) and victim not in now)

    async def stop(self) -> None:
        """Ends it in order."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()


async def until(condition: Callable[[], bool]) -> None:
    """Returns once it holds."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


class Load:
    """Senders that never stop, and remember what was acknowledged."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.sent: list[bytes] = []
        self.acknowledged: set[bytes] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sends inside of the block."""
        tasks = [asyncio.create_task(self._send_on()) for _ in range(SENDERS)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send_on(self) -> None:
        while True:
            bodies = [new_event() for _ in range(BATCH)]
            self.sent += bodies
            try:
                results = await write(self._server.address, bodies)
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.2)
                continue
            self.acknowledged.update(
                body
                for body, result in zip(bodies, results, strict=True)
                if result.outcome != EventResult.OUTCOME_REJECTED
            )

    async def wait_for(self, count: int) -> None:
        """Returns when so many more events were acknowledged."""
        goal = len(self.acknowledged) + count
        async with asyncio.timeout(60):
            while len(self.acknowledged) < goal:
                await asyncio.sleep(0.01)


def new_event() -> bytes:
    """A complete run of a job that reads and writes."""
    event = {
        "eventTime": datetime.now(UTC).isoformat(),
        "eventType": "COMPLETE",
        "run": {"runId": str(uuid.uuid4())},
        "job": {"namespace": "team", "name": "load"},
        "inputs": [{"namespace": "db", "name": "raw"}],
        "outputs": [{"namespace": "db", "name": "clean"}],
    }
    return json.dumps(event).encode()


async def write(address: str, bodies: list[bytes]) -> list[EventResult]:
    """Sends one batch."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = ingest.IngestServiceStub(channel)
        events = [event_pb2.Event(open_lineage=body) for body in bodies]
        answer = await stub.BatchWriteEvents(ingest_service_pb2.BatchWriteEventsRequest(events=events), timeout=10)
        return list(answer.results)


async def listed(address: str, kind: str) -> list[str]:
    """The runs of the job, or the writes of the dataset, page by page."""
    found: list[str] = []
    token = ""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = catalog.CatalogServiceStub(channel)
        while True:
            if kind == "runs":
                request = catalog_service_pb2.ListRunsRequest(
                    parent=str(JobName("team", "load")), page_size=1000, page_token=token
                )
                answer = await stub.ListRuns(request)
                found += [run.name for run in answer.runs]
            else:
                asked = catalog_service_pb2.ListWritesRequest(
                    parent=str(DatasetName("db", "clean")), page_size=1000, page_token=token
                )
                answer = await stub.ListWrites(asked)
                found += [f"{write.run}" for write in answer.writes]
            token = answer.next_page_token
            if not token:
                return found


@pytest.mark.parametrize(
    ("victim", "processes"), [("server", 1), ("server", 2), ("one of its processes", 2), ("postgres", 1)]
)
async def test_nothing_acknowledged_is_missing_and_nothing_is_doubled(
    tmp_path: Path, victim: str, processes: int
) -> None:
    server = Server(tmp_path, "--processes", processes)
    await server.start()
    load = Load(server)
    try:
        async with load.running():
            for _ in range(ROUNDS):
                await load.wait_for(BATCH * SENDERS)
                await asyncio.sleep(random.uniform(0, 0.3))  # the moment of the blow is left to chance
                if victim == "server":
                    await server.kill()
                    await server.start()
                elif victim == "one of its processes":
                    await server.kill_one_process()
                else:
                    await until(lambda: postgres_lives(tmp_path))
                    kill_postgres(tmp_path)
                    await load.wait_for(
                        BATCH * SENDERS
                    )  # what was under way; more comes from the next PostgreSQL alone
            await load.wait_for(BATCH * SENDERS)
        await _check(server, load)
    finally:
        await server.stop()


async def patiently(call: Callable[[], Awaitable[list[T]]]) -> list[T]:
    """What a call gives once the server answers again, as any client would try."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await call()
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(0.1)


async def _check(server: Server, load: Load) -> None:
    results: list[EventResult] = []
    for start in range(0, len(load.sent), 1000):
        results += await patiently(partial(write, server.address, load.sent[start : start + 1000]))
    lost = [
        body
        for body, result in zip(load.sent, results, strict=True)
        if body in load.acknowledged and result.outcome != EventResult.OUTCOME_DUPLICATE
    ]
    assert lost == []
    expected = sorted("runs/" + json.loads(body)["run"]["runId"] for body in load.sent)
    assert sorted(await patiently(partial(listed, server.address, "runs"))) == expected
    assert sorted(await patiently(partial(listed, server.address, "writes"))) == expected
