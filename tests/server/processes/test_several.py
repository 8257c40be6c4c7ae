"""`serve --processes 2`, as a user starts it: two processes on one store behind one address."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from headwater.names import DatasetName
from headwater.v1.event_pb2 import Event, EventResult
from headwater.v1.ingest_service_pb2 import WriteEventRequest
from headwater.v1.ingest_service_pb2_grpc import IngestServiceStub
from headwater.v1.lineage_service_pb2 import Direction, GetLineageRequest, Traversal
from headwater.v1.lineage_service_pb2_grpc import LineageServiceStub

from ...server_process import processes_of, serve

READY = re.compile(r"headwater-server ready grpc=(\S+) http=(\S+) metrics=(\S+)")
_numbers = itertools.count()


class Several:
    """A server of two processes, and what it counted."""

    def __init__(self, process: asyncio.subprocess.Process, said: re.Match[str]) -> None:
        self.process = process
        self.grpc, self.http, self.metrics = said.groups()

    async def figures(self, name: str) -> dict[str, float]:
        """The sum of a metric's samples, by process."""
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://{self.metrics}/metrics")).text
        found: dict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name:
                    found[sample.labels.get("process", "")] += sample.value
        return found

    def channel(self) -> grpc.aio.Channel:
        """A connection of its own."""
        return grpc.aio.insecure_channel(self.grpc, options=[("grpc.use_local_subchannel_pool", 1)])

    async def end(self) -> int:
        """The exit status after SIGTERM."""
        self.process.terminate()
        return await self.process.wait()


@pytest_asyncio.fixture
async def several(database: str, tmp_path: Path) -> AsyncIterator[Several]:
    anywhere = "127.0.0.1:0"
    addresses = ("--grpc-address", anywhere, "--http-address", anywhere, "--metrics-address", anywhere)
    command = serve("--processes", 2, "--dsn", database, "--data-dir", tmp_path, *addresses)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        said = READY.search((await process.stdout.readline()).decode())
        assert said, "it ended before it was ready"
        yield Several(process, said)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def event(output: str) -> bytes:
    job = {"namespace": "team", "name": f"job{next(_numbers)}"}
    datasets = {"inputs": [{"namespace": "db", "name": "raw"}], "outputs": [{"namespace": "db", "name": output}]}
    return json.dumps({"eventTime": "2026-01-01T00:00:00Z", "job": job, **datasets}).encode()


def write(channel: grpc.aio.Channel, output: str) -> Any:
    request = WriteEventRequest(event=Event(open_lineage=event(output)))
    return IngestServiceStub(channel).WriteEvent(request, timeout=60)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def channels(several: Several, count: int = 12) -> AsyncIterator[list[grpc.aio.Channel]]:
    """So many connections that both processes have some of them, but for one time in thousands."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(several.channel()) for _ in range(count)]


async def test_what_is_written_through_one_process_is_read_through_any(several: Several) -> None:
    async with channels(several) as connections:
        for number, writer in enumerate(connections):
            written = await write(writer, f"clean{number}")
            walk = Traversal(
                roots=[str(DatasetName("db", "raw"))],
                direction=Direction.DIRECTION_DOWNSTREAM,
                min_position=written.position,
            )
            for reader in connections:
                answer: Any = await LineageServiceStub(reader).GetLineage(GetLineageRequest(traversal=walk))
                assert len(answer.nodes) == number + 2
    assert await several.figures("headwater_events_total") == {
        "0": pytest.approx(6, abs=5),
        "1": pytest.approx(6, abs=5),
    }
    assert sum((await several.figures("headwater_events_total")).values()) == 12


async def test_http_goes_to_both(several: Several) -> None:
    for number in range(12):
        async with httpx.AsyncClient(base_url=f"http://{several.http}") as client:
            assert (await client.get("/readyz")).status_code == 200
            assert (await client.post("/api/v1/lineage", content=event(f"clean{number}"))).status_code == 201
            told = await client.get("/metrics")
        assert 'headwater_ready{process="0"} 1.0' in told.text
        assert 'headwater_ready{process="1"} 1.0' in told.text
    assert set(await several.figures("headwater_http_requests_total")) == {"0", "1"}


async def test_a_process_that_died_comes_back_and_calls_go_on(several: Several) -> None:
    before = processes_of(several.process.pid)
    os.kill(before[0], signal.SIGKILL)

    async def is_whole() -> bool:
        now = processes_of(several.process.pid)
        return len(now) == 2 and before[0] not in now and await told() == 2

    async def told() -> float:
        try:
            return (await several.figures("headwater_processes_answering"))[""]
        except httpx.TransportError:  # it had this connection
            return 0

    await until(is_whole)
    async with channels(several) as connections:
        for number, channel in enumerate(connections):
            assert (await write(channel, f"clean{number}")).result.outcome == EventResult.OUTCOME_ACCEPTED
    assert await several.end() == 0


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_what_each_has_taken_is_answered_after_its_commit(
    several: Several, database: str, sign: signal.Signals
) -> None:
    connection = await asyncpg.connect(database)
    processes = processes_of(several.process.pid)
    async with channels(several) as connections:
        async with connection.transaction():
            await connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            calls = [write(channel, f"clean{number}") for number, channel in enumerate(connections)]

            async def all_are_taken() -> bool:
                waiting = await several.figures("headwater_events_in_flight")
                return sum(waiting.values()) == len(calls) and all(waiting.values())

            await until(all_are_taken)
            several.process.send_signal(sign)
            await asyncio.sleep(0.3)
            assert several.process.returncode is None
        answers = await asyncio.gather(*calls)
    assert {answer.result.outcome for answer in answers} == {EventResult.OUTCOME_ACCEPTED}
    assert await several.process.wait() == 0
    assert not any(Path(f"/proc/{each}").exists() for each in processes)
    assert await connection.fetchval("SELECT count(*) FROM events") == len(calls)
    await connection.close()


async def test_nobody_else_gets_the_port(several: Several, database: str, tmp_path: Path) -> None:
    for count in (1, 2):
        command = serve(
            *("--processes", count, "--dsn", database, "--data-dir", tmp_path),
            *("--grpc-address", several.grpc, "--http-address", "127.0.0.1:0"),
        )
        other = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        _, log = await other.communicate()
        assert other.returncode == 1
        assert f"cannot listen on {several.grpc}" in log.decode()


async def test_processes_do_not_outlive_the_one_that_started_them(several: Several) -> None:
    processes = processes_of(several.process.pid)
    assert len(processes) == 2
    several.process.kill()

    async def are_gone() -> bool:
        return not any(Path(f"/proc/{each}").exists() for each in processes)

    await until(are_gone)
