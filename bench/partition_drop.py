"""A partition of old events is dropped while others read: how long it takes, and how long they wait.

The partition holds copies of events of the store, moved back in time; it is dropped as the server drops one. Those who
read ask for runs with all that their events tell, which reads the table that loses the partition.
"""

from __future__ import annotations

import asyncio
import itertools
import time

import asyncpg
import grpc.aio

from bench.lineage_grpc import TIMEOUT_SECONDS
from bench.measure import Measure, Task, WorkloadError, find_percentile
from headwater.v1 import catalog_pb2
from headwater.v1 import catalog_service_pb2 as contract

PARTITION = "events_19700105"
"""Of a time that no event of a store is in; long enough for all copies, whose times are a thousand times as dense."""
READERS = 4
RUNS = 200
QUIET_SECONDS = 2.0
"""How long is read before the partition is dropped, and after."""
COPY = f"""
INSERT INTO {PARTITION}
SELECT subject, '1970-01-05T00:00:00Z'::timestamptz + (event_time - timestamptz '2000-01-01') / 1000, event_id,
    received, sender_id, body
FROM events LIMIT $1
"""


async def measure_drop(task: Task, *, rows: int) -> Measure:
    """The latencies of the readers around the drop, of so many events or as many as there are."""
    connection = await asyncpg.connect(task.server_dsn)
    try:
        await connection.execute(f"DROP TABLE IF EXISTS {PARTITION}")
        await connection.execute(
            f"CREATE TABLE {PARTITION} PARTITION OF events FOR VALUES FROM ('1970-01-05T00:00:00Z')"
            " TO ('1970-01-31T00:00:00Z')"
        )
        copied = int((await connection.execute(COPY, rows)).rsplit(" ", 1)[1])
        await connection.execute("CHECKPOINT")
        found = await connection.fetch(f"SELECT run_id FROM runs LIMIT {RUNS}")
        names = [f"runs/{row['run_id']}" for row in found]
        times: list[tuple[float, float]] = []
        stop = asyncio.Event()
        async with grpc.aio.insecure_channel(task.grpc_address) as channel, asyncio.TaskGroup() as group:
            for _ in range(READERS):
                group.create_task(_read(channel, names, times, stop))
            await asyncio.sleep(QUIET_SECONDS)
            start = time.perf_counter()
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '5s'")
                await connection.execute(f"DROP TABLE {PARTITION}")
            end = time.perf_counter()
            await asyncio.sleep(QUIET_SECONDS)
            stop.set()
    finally:
        await connection.close()
    during = [(answered - asked) * 1000 for asked, answered in times if asked <= end + 0.1 and answered >= start]
    before = [(answered - asked) * 1000 for asked, answered in times if answered < start]
    if not (during and before):
        raise WorkloadError("Nobody read while the partition was dropped.")
    return Measure(
        total=len(times),
        count=len(during),
        seconds=end - start,
        p50=find_percentile(during, 0.5),
        p99=find_percentile(during, 0.99),
        notes={"drop_ms": (end - start) * 1000, "rows": copied, "p99_before": find_percentile(before, 0.99)},
    )


async def _read(
    channel: grpc.aio.Channel, names: list[str], times: list[tuple[float, float]], stop: asyncio.Event
) -> None:
    get: grpc.aio.UnaryUnaryMultiCallable[bytes, catalog_pb2.Run] = channel.unary_unary(
        "/headwater.v1.CatalogService/GetRun", response_deserializer=catalog_pb2.Run.FromString
    )
    for name in itertools.cycle(names):
        request = contract.GetRunRequest(name=name, view=contract.ASSET_VIEW_FULL)
        asked = time.perf_counter()
        await get(request.SerializeToString(), timeout=TIMEOUT_SECONDS)
        times.append((asked, time.perf_counter()))
        if stop.is_set():
            return
