"""Baseline: one transaction an event and a statement a row, as a plain service on a normal schema does it.

It does less than the product: no links of fields, no versions of jobs, no intervals of time, no merge for any order of
events. It is not stupid either: statements are prepared, what is there is found by index, nothing is updated in vain.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import hashlib
import json
import math
import time
from typing import Any, TypeAlias

import asyncpg

from bench.baseline_fill import fill_naive
from bench.measure import IngestClock, Measure, Task
from bench.sending import prepare_events, send_all, start_clock
from bench.sizes import SIZES
from bench.traces import make_events

STATES = {"START": "STARTED", "COMPLETE": "SUCCEEDED"}
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def load_naive(task: Task) -> Measure:
    """A run of every job, so that a measurement meets no job or dataset for the first time; then copies, if asked."""
    estate = SIZES[task.size].estate
    events = make_events(estate, 2 * len(estate.jobs), name=task.trace_name, end=dt.datetime.now(dt.UTC))
    clock = IngestClock(seconds=math.inf, warmup_seconds=0)
    connection = await asyncpg.connect(task.dsn)
    try:
        async with connection.transaction():
            for body in events:
                sent = time.perf_counter()
                await store_event(connection, body)
                clock.acknowledge(1, sent)
        measure = clock.read()
        held = await fill_naive(connection, task.store_events)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return dataclasses.replace(measure, notes={"events": held})


async def measure_naive(task: Task, *, connections: int, per_second: int) -> Measure:
    """One event after another on each connection. A transaction that met a deadlock is done again."""
    idle = [await asyncpg.connect(task.dsn) for _ in range(connections)]
    events = [body for (body,) in prepare_events(task, per_second=per_second)]
    deadlocks = 0

    async def store(body: bytes) -> int:
        nonlocal deadlocks
        connection = idle.pop()
        try:
            while True:
                try:
                    async with connection.transaction():
                        await store_event(connection, body)
                    return 1
                except asyncpg.DeadlockDetectedError:
                    deadlocks += 1
        finally:
            idle.append(connection)

    clock = start_clock(task)
    await send_all(events, store, clock=clock, in_flight=connections)
    await asyncio.gather(*(connection.close() for connection in idle))
    return clock.read(connections=connections, deadlocks=deadlocks)


async def store_event(connection: Connection, body: bytes) -> None:
    """Stores one run event; one that is there already changes nothing."""
    event = json.loads(body)
    run_id, event_time = event["run"]["runId"], dt.datetime.fromisoformat(event["eventTime"])
    is_new = await connection.fetchval(
        "INSERT INTO naive.events (id, run_id, event_time, body) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING true",
        *(hashlib.sha256(body).digest(), run_id, event_time, body.decode()),
    )
    if not is_new:
        return
    job_id = await _find_or_add(connection, "jobs", event["job"])
    await _store_run(connection, event, job_id, event_time)
    inputs = [
        await _store_dataset(connection, dataset, run_id, event_time, is_output=False) for dataset in event["inputs"]
    ]
    outputs = [
        await _store_dataset(connection, dataset, run_id, event_time, is_output=True) for dataset in event["outputs"]
    ]
    for source in inputs:
        for target in outputs:
            await connection.execute(
                "INSERT INTO naive.links VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                source,
                target,
                job_id,
                event_time,
            )


async def _store_run(connection: Connection, event: dict[str, Any], job_id: int, event_time: dt.datetime) -> None:
    state = STATES[event["eventType"]]
    parent = event["run"]["facets"]["parent"]["run"]["runId"]
    started, ended = (event_time, None) if state == "STARTED" else (None, event_time)
    await connection.execute(
        "INSERT INTO naive.runs AS r VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET"
        " state = CASE WHEN r.ended_at IS NULL THEN excluded.state ELSE r.state END,"
        " started_at = least(r.started_at, excluded.started_at), ended_at = greatest(r.ended_at, excluded.ended_at)",
        *(event["run"]["runId"], job_id, parent, state, started, ended),
    )


async def _store_dataset(
    connection: Connection, dataset: dict[str, Any], run_id: str, event_time: dt.datetime, *, is_output: bool
) -> int:
    dataset_id = await _find_or_add(connection, "datasets", dataset)
    version_id = None
    if "schema" in dataset["facets"]:
        fields = json.dumps(dataset["facets"]["schema"]["fields"])
        version_id = await _find_or_add_version(connection, dataset_id, fields, event_time)
    await connection.execute(
        "INSERT INTO naive.run_datasets AS r VALUES ($1, $2, $3, $4) ON CONFLICT (run_id, dataset_id, is_output)"
        " DO UPDATE SET version_id = excluded.version_id WHERE excluded.version_id IS NOT NULL",
        *(run_id, dataset_id, is_output, version_id),
    )
    return dataset_id


async def _find_or_add(connection: Connection, table: str, asset: dict[str, Any]) -> int:
    """The id of a job or a dataset, by its name in its namespace."""
    namespace_id = await _find_or_insert(
        connection,
        "SELECT id FROM naive.namespaces WHERE name = $1",
        "INSERT INTO naive.namespaces (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id",
        asset["namespace"],
    )
    return await _find_or_insert(
        connection,
        f"SELECT id FROM naive.{table} WHERE namespace_id = $1 AND name = $2",
        f"INSERT INTO naive.{table} (namespace_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id",
        namespace_id,
        asset["name"],
    )


async def _find_or_add_version(connection: Connection, dataset_id: int, fields: str, event_time: dt.datetime) -> int:
    schema_hash = hashlib.sha256(fields.encode()).digest()
    found: int | None = await connection.fetchval(
        "SELECT id FROM naive.dataset_versions WHERE dataset_id = $1 AND schema_hash = $2", dataset_id, schema_hash
    )
    if found is not None:
        return found
    added: int = await connection.fetchval(
        "INSERT INTO naive.dataset_versions (dataset_id, schema_hash, fields, first_time) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (dataset_id, schema_hash) DO UPDATE SET first_time = least(dataset_versions.first_time, $4)"
        " RETURNING id",
        *(dataset_id, schema_hash, fields, event_time),
    )
    return added


async def _find_or_insert(connection: Connection, find: str, insert: str, *arguments: object) -> int:
    while True:
        for query in (find, insert):
            found: int | None = await connection.fetchval(query, *arguments)
            if found is not None:
                return found
