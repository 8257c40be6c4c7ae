"""Each index of runs and events earns its room: in a store of some size, the question that it is for is read by it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest_asyncio

from headwater_server.domain.catalog_places import RunQuery
from headwater_server.domain.versions import Asked, WriteRecord
from headwater_server.storage.catalog.run_events import get_details
from headwater_server.storage.catalog.runs import list_runs
from headwater_server.storage.catalog.writes import last_writes
from headwater_server.storage.database import Connection, Database
from headwater_server.storage.ingest import links, runs
from headwater_server.storage.lineage.runs import get_readers

RUNS, JOBS = 30_000, 100
JOB, DATASET, PARENT = 7, 7, uuid.UUID(int=7)
NOW = datetime.now(UTC)
FILL = f"""
CREATE TEMP TABLE made AS
SELECT n, gen_random_uuid() AS run_id, $1::timestamptz - n * interval '1 second' AS time, n % {JOBS} AS job
FROM generate_series(1, {RUNS}) AS n;
INSERT INTO namespaces VALUES (1, 'team');
INSERT INTO jobs (job_id, namespace_id, name) SELECT n, 1, n FROM generate_series(0, {JOBS - 1}) AS n;
INSERT INTO datasets (dataset_id, namespace_id, name) SELECT n, 1, n FROM generate_series(0, {JOBS - 1}) AS n;
INSERT INTO io_sets SELECT n + 1000, ARRAY[(n + 1) % {JOBS}], ARRAY[n], '' FROM generate_series(0, {JOBS - 1}) AS n;
INSERT INTO io_set_datasets SELECT job, 2, job + 1000 FROM generate_series(0, {JOBS - 1}) AS job;
INSERT INTO io_set_datasets SELECT (job + 1) % {JOBS}, 1, job + 1000 FROM generate_series(0, {JOBS - 1}) AS job;
INSERT INTO runs (run_id, created, job_id, state, started_at, ended_at, parent_run_id, io_set_id, merge)
SELECT run_id, time, job, CASE WHEN n % 3 = 0 THEN 4 ELSE 3 END, time, time + interval '1 second',
    ('00000000-0000-0000-0000-' || lpad(to_hex(n % {JOBS}), 12, '0'))::uuid, job + 1000, ''
FROM made;
INSERT INTO events (subject, event_time, event_id, received, sender_id, body)
SELECT run_id, time, n, time, 1, '' FROM made;
"""
Ask = Callable[[Connection, uuid.UUID], Awaitable[object]]


async def children(connection: Connection, _: uuid.UUID) -> object:
    """The runs that a run started."""
    return await list_runs(connection, RunQuery(PARENT), None, 50)


async def runs_of_job(connection: Connection, _: uuid.UUID) -> object:
    """The last runs of a job."""
    return await list_runs(connection, RunQuery(JOB), None, 50)


async def last_write(connection: Connection, _: uuid.UUID) -> object:
    """The last write of a dataset before a time."""
    return await last_writes(connection, {0: Asked((DATASET,), NOW - timedelta(hours=1))})


async def readers(connection: Connection, run: uuid.UUID) -> object:
    """The runs that read a write."""
    return await get_readers(connection, [WriteRecord(DATASET, run, JOB, NOW - timedelta(hours=1), None)], 50)


async def windows(connection: Connection, _: uuid.UUID) -> object:
    """The successful runs of jobs next to a time, between which their links may change."""
    hour_ago = NOW - timedelta(hours=1)
    return await connection.fetch(links._WINDOWS, [JOB], [hour_ago], [hour_ago])


async def one_run(connection: Connection, run: uuid.UUID) -> object:
    """A run that a further event is about."""
    return await connection.fetch(runs._GET_UNTIMED, [run])


async def events_of_run(connection: Connection, run: uuid.UUID) -> object:
    """The events of a run."""
    return await get_details(connection, run, NOW - timedelta(hours=9), NOW)


@pytest_asyncio.fixture
async def filled(database: str) -> AsyncIterator[Database]:
    """A store with many runs of some jobs."""
    connection = await asyncpg.connect(database)
    await connection.execute(FILL.replace("$1", f"'{NOW.isoformat()}'"))
    await connection.execute("ANALYZE")
    await connection.close()
    store = await Database.open(database, max_connections=1)
    yield store
    await store.close()


async def used(connection: Connection) -> dict[str, int]:
    """How often each index of runs and events was read, and each partition with rows as a whole."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    rows = await connection.fetch(
        "SELECT indexrelid::regclass::text, idx_scan FROM pg_stat_user_indexes WHERE relname ~ '^(runs|events)_2'"
        " UNION ALL SELECT relname || ' as a whole', seq_scan FROM pg_stat_user_tables"
        " WHERE relname ~ '^(runs|events)_2' AND n_live_tup > 0"
    )
    return {row[0]: row[1] for row in rows}


INDEXES: dict[Ask, str] = {
    children: "parent_run_id_started_at_idx",
    runs_of_job: "job_id_started_at_idx",
    last_write: "io_set_id_ended_at_idx",
    readers: "io_set_id_started_at_idx",
    windows: "job_id_ended_at_idx",
    one_run: "pkey",
    events_of_run: "pkey",
}


async def test_the_question_that_an_index_is_for_is_read_by_it(filled: Database) -> None:
    async with filled.connection() as connection:
        run = await connection.fetchval("SELECT run_id FROM runs WHERE job_id = $1 AND state = 3 LIMIT 1", JOB)
        for ask, index in INDEXES.items():
            before = await used(connection)
            assert await ask(connection, run) is not None
            after = await used(connection)
            read = {name for name, count in after.items() if count > before[name]}
            assert any(name.endswith(f"_{index}") for name in read), (ask, read)
            assert not any(name.endswith(" as a whole") for name in read), (ask, read)
