"""A store grown by copies of the runs that it has: tens of millions of events in minutes, past ingestion.

Each copy has the runs of the seed, and their events, a while later and under ids of their own; jobs, datasets and what
was stated of them are those of the seed. So a job has many runs, as one has that runs every hour for months.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg

CONNECTIONS = 2
_UUID = """(
    lpad(to_hex(('x' || left(replace({0}::text, '-', ''), 12))::bit(48)::bigint + $1::bigint), 12, '0')
    || substr(replace({0}::text, '-', ''), 13, 12)
    || lpad(to_hex(('x' || right(replace({0}::text, '-', ''), 8))::bit(32)::bigint # $2::bigint), 8, '0')
)::uuid"""
"""A UUIDv7 so many milliseconds later, and another one in its last bytes."""
_LATER = "{0} + $1::bigint * interval '1 millisecond'"
_UUIDS = ("run_id", "parent_run_id", "root_run_id", "subject")
_SEED_RUNS = """
CREATE UNLOGGED TABLE bench_seed_runs AS SELECT * FROM runs WHERE created >= {start} AND created < {end} ORDER BY run_id
"""
_SEED_EVENTS = """
CREATE UNLOGGED TABLE bench_seed_events AS
SELECT events.* FROM events JOIN bench_seed_runs ON run_id = subject ORDER BY subject, event_time
"""
_SEEDS = {"runs": "bench_seed_runs", "events": "bench_seed_events"}


class Copies:
    """The numbers of the copies that were made, as a file keeps them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made: set[int] = set(json.loads(path.read_text())["copies"]) if path.exists() else set()

    def missing(self, count: int) -> list[int]:
        """Those of so many copies that were not made, from 1 on."""
        return [number for number in range(1, count + 1) if number not in self._made]

    def add(self, number: int) -> None:
        """Notes that a copy was made."""
        self._made.add(number)
        self._path.write_text(json.dumps({"copies": sorted(self._made)}))


async def copy_history(dsn: str, copies: Copies, start: dt.datetime, period: dt.timedelta, events: int) -> None:
    """Copies what happened in the period from `start` on until there are so many events, each copy a period later."""
    connections = [await asyncpg.connect(dsn) for _ in range(CONNECTIONS)]
    try:
        size = await _make_seeds(connections[0], start, start + period)
        missing = iter(copies.missing(round(events / size) - 1))
        inserts = [await _write_insert(connections[0], table, seed) for table, seed in _SEEDS.items()]

        async def copy_next(connection: asyncpg.Connection[asyncpg.Record]) -> None:
            await connection.execute("SET synchronous_commit = off")
            for number in missing:
                began = time.perf_counter()
                async with connection.transaction():
                    for insert in inserts:
                        await connection.execute(insert, period // dt.timedelta(milliseconds=1) * number, number)
                copies.add(number)
                sys.stderr.write(f"copy {number} of {size:,} events took {time.perf_counter() - began:,.0f} s\n")

        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(copy_next(connection))
        for seed in _SEEDS.values():
            await connections[0].execute(f"DROP TABLE {seed}")
        await connections[0].execute("VACUUM ANALYZE")
    finally:
        for connection in connections:
            await connection.close()


async def _make_seeds(connection: asyncpg.Connection[asyncpg.Record], start: dt.datetime, end: dt.datetime) -> int:
    """Puts aside what is copied; how many events that is."""
    for seed in _SEEDS.values():
        await connection.execute(f"DROP TABLE IF EXISTS {seed}")
    await connection.execute(_SEED_RUNS.format(start=f"'{start.isoformat()}'", end=f"'{end.isoformat()}'"))
    await connection.execute("ANALYZE bench_seed_runs")
    await connection.execute(_SEED_EVENTS)
    found: int = await connection.fetchval("SELECT count(*) FROM bench_seed_events")
    return found


async def _write_insert(connection: asyncpg.Connection[asyncpg.Record], table: str, seed: str) -> str:
    """The statement that makes a copy: $1 is how many milliseconds later, $2 its number."""
    columns: list[Any] = await connection.fetch(
        "SELECT attname, atttypid::regtype::text FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        table,
    )
    values = [
        _UUID.format(name) if name in _UUIDS else _LATER.format(name) if kind.startswith("timestamp") else name
        for name, kind in columns
    ]
    taken = ", ".join(name for name, _ in columns)
    return f"INSERT INTO {table} ({taken}) SELECT {', '.join(values)} FROM {seed} ON CONFLICT DO NOTHING"
