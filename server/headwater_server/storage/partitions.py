"""Partitions by time: made ahead, so that writing never waits for one, and dropped whole.

Events and runs have a partition a week, from Monday; rejected events one a day. What lies outside of all of them (an
old history that is loaded, a clock far ahead) goes to the default partition.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from .database import Connection


@dataclass(frozen=True, slots=True)
class Partitioned:
    """A table with partitions of `days`, kept from `behind` before now to `ahead` after it."""

    table: str
    key: str
    days: int
    behind: int
    ahead: int


TABLES = (
    Partitioned("events", "event_time", days=7, behind=2, ahead=5),
    Partitioned("runs", "created", days=7, behind=2, ahead=5),
    Partitioned("rejected_events", "received", days=1, behind=1, ahead=7),
)
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
"""A Monday."""


async def ensure_partitions(
    connection: Connection | asyncpg.Connection[asyncpg.Record], now: datetime | None = None
) -> None:
    """Makes the partitions around a time that are missing. Rows that lie in the default one are moved."""
    now = now or datetime.now(UTC)
    for partitioned in TABLES:
        for offset in range(-partitioned.behind, partitioned.ahead + 1):
            start = period_start(now, partitioned.days) + timedelta(days=partitioned.days * offset)
            with contextlib.suppress(asyncpg.DuplicateTableError, asyncpg.UniqueViolationError):  # another one makes it
                await _ensure(connection, partitioned, start)


async def drop_partitions(
    connection: Connection | asyncpg.Connection[asyncpg.Record], table: str, before: datetime
) -> list[str]:
    """Drops the partitions of a table that end at or before a time, and the rows before it in the default one."""
    partitioned = next(known for known in TABLES if known.table == table)
    dropped = []
    for name in await _partitions(connection, table):
        suffix = name.removeprefix(f"{table}_")
        if suffix == "default":
            continue
        end = datetime.strptime(suffix, "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=partitioned.days)
        if end <= before:
            await connection.execute(f"DROP TABLE {name}")
            dropped.append(name)
    await connection.execute(f"DELETE FROM {table}_default WHERE {partitioned.key} < $1", before)
    return dropped


def period_start(time: datetime, days: int) -> datetime:
    """The start of the period of so many days that holds a time."""
    return EPOCH + timedelta(days=(time - EPOCH).days // days * days)


async def _partitions(connection: Connection | asyncpg.Connection[asyncpg.Record], table: str) -> list[str]:
    rows = await connection.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass($1) ORDER BY c.relname",
        table,
    )
    return [row["relname"] for row in rows]


async def _ensure(
    connection: Connection | asyncpg.Connection[asyncpg.Record], partitioned: Partitioned, start: datetime
) -> None:
    table, key = partitioned.table, partitioned.key
    name = f"{table}_{start:%Y%m%d}"
    if await connection.fetchval("SELECT to_regclass($1)", name) is not None:
        return
    end = start + timedelta(days=partitioned.days)
    low, high = f"'{start.isoformat()}'", f"'{end.isoformat()}'"
    async with connection.transaction():
        await connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
        await connection.execute(
            f"WITH moved AS (DELETE FROM {table}_default WHERE {key} >= {low} AND {key} < {high} RETURNING *)"
            f" INSERT INTO {name} SELECT * FROM moved"
        )
        await connection.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})")
