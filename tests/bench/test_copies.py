"""Copies of a store's history are runs like those that were sent, a while later."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import asyncpg
from bench.copies import Copies, copy_history
from bench.estate import make_domains
from bench.ingest_grpc import make_batch
from bench.traces import iterate_events
from grpc import aio

from headwater import Client
from headwater.v1 import catalog_pb2 as pb
from headwater.v1 import ingest_service_pb2, ingest_service_pb2_grpc

from ..server_process import RunningServer

START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
PERIOD = dt.timedelta(days=1)
EVENTS = 20


async def send(server: RunningServer) -> None:
    """Has a server take a day's events."""
    spacing = PERIOD / EVENTS / 2
    events = iterate_events(make_domains([0]), EVENTS, name="copies", start=START, spacing=spacing)
    request = ingest_service_pb2.BatchWriteEventsRequest.FromString(make_batch(list(events)))
    async with aio.insecure_channel(server.grpc_address) as channel:
        await ingest_service_pb2_grpc.IngestServiceStub(channel).BatchWriteEvents(request)


async def runs_from(server: RunningServer, start: dt.datetime) -> list[pb.Run]:
    """The runs that started in a period, in full, in the order of their starts."""
    async with Client(server.grpc_address) as client:
        jobs = [job.name async for job in client.jobs("-")]
        runs = [await client.get_run(run.name, view="FULL") for job in jobs async for run in client.runs(job)]
    found = [run for run in runs if start <= run.start_time.ToDatetime(dt.UTC) < start + PERIOD]
    return sorted(found, key=lambda run: run.start_time.ToDatetime())


def later(run: pb.Run, by: dt.timedelta) -> tuple[object, ...]:
    """What a run later would say."""
    times = [time.ToDatetime(dt.UTC) + by for time in (run.start_time, run.end_time)]
    used = [[each.dataset for each in datasets] for datasets in (run.inputs, run.outputs)]
    return run.job, run.state, times, used, [facet.name for facet in run.facets]


async def test_a_copy_is_a_run_a_while_later(server: RunningServer, database: str, tmp_path: Path) -> None:
    await send(server)
    sent = await runs_from(server, START)
    assert sent
    copies = Copies(tmp_path / "copies.json")
    await copy_history(database, copies, START, PERIOD, 3 * EVENTS)
    assert not copies.missing(2)
    for number in (1, 2):
        copied = await runs_from(server, START + number * PERIOD)
        assert [later(run, dt.timedelta()) for run in copied] == [later(run, number * PERIOD) for run in sent]
        assert not {run.name for run in copied} & {run.name for run in sent}


async def test_what_was_copied_is_not_copied_again(server: RunningServer, database: str, tmp_path: Path) -> None:
    await send(server)
    for _ in range(2):
        await copy_history(database, Copies(tmp_path / "copies.json"), START, PERIOD, 2 * EVENTS)
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("SELECT count(*) FROM events") == 2 * EVENTS
    await connection.close()
