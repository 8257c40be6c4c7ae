"""The databases of a benchmark, all in one PostgreSQL: made and dropped, and asked what they hold."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

SCHEMA = Path(__file__).with_name("baselines.sql")
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
"""Settings without which an acknowledgement promises nothing, and a rate means nothing."""
TOLD = ("server_version", "shared_buffers", "max_wal_size", "wal_compression", "wal_sync_method")
"""Further settings that a report names."""


class UnfitDatabaseError(Exception):
    """A benchmark cannot be run on this PostgreSQL."""


@dataclass(frozen=True, slots=True)
class StoreState:
    """What a database holds at a moment."""

    events: int
    bytes: int
    """On disk: tables and indexes."""
    wal_position: int
    """Bytes of log that the whole PostgreSQL has written."""


@contextlib.asynccontextmanager
async def scratch_database(dsn: str, name: str) -> AsyncIterator[str]:
    """The DSN of a new database of that name beside that of the DSN, until the end of the context."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
        finally:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


async def reset_baselines(dsn: str) -> None:
    """Makes the baselines' tables in the scratch database anew."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(SCHEMA.read_text())
    finally:
        await connection.close()


async def read_state(dsn: str, table: str, since: dt.datetime) -> StoreState:
    """What the database holds; of the table of its events, those that happened since a time are counted."""
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow(
            f"SELECT (SELECT count(*) FROM {table} WHERE event_time >= $1) AS events,"
            " pg_database_size(current_database()) AS bytes,"
            " (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint AS wal_position",
            since,
        )
        assert row
        return StoreState(**row)
    finally:
        await connection.close()


async def make_weeks(dsn: str, start: dt.datetime, weeks: int) -> None:
    """Makes the partitions, from a Monday on, that a server would have made had it run in these weeks."""
    connection = await asyncpg.connect(dsn)
    try:
        for table in ("events", "runs"):
            for week in range(weeks):
                first = start + dt.timedelta(weeks=week)
                last = first + dt.timedelta(weeks=1)
                await connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {table}_{first:%Y%m%d} PARTITION OF {table}"
                    f" FOR VALUES FROM ('{first:%F}T00:00:00Z') TO ('{last:%F}T00:00:00Z')"
                )
    finally:
        await connection.close()


async def count_store(dsn: str) -> dict[str, int]:
    """What a server's store holds: events, datasets, links between them and between fields, and bytes."""
    connection = await asyncpg.connect(dsn)
    try:
        counts = {
            table: await connection.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("events", "runs", "datasets", "jobs", "links", "field_links")
        }
        return counts | {"bytes": await connection.fetchval("SELECT pg_database_size(current_database())")}
    finally:
        await connection.close()


async def settle(dsn: str) -> None:
    """Writes what is dirty to disk, where the user may, so that a workload does not pay for the one before."""
    connection = await asyncpg.connect(dsn)
    try:
        with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def describe(dsn: str) -> dict[str, str]:
    """The settings of this PostgreSQL that matter; raises UnfitDatabaseError where a commit is not durable."""
    connection = await asyncpg.connect(dsn)
    try:
        found = {name: str(await connection.fetchval(f"SHOW {name}")) for name in (*DURABLE, *TOLD)}
    finally:
        await connection.close()
    for name, value in DURABLE.items():
        if found[name] != value:
            raise UnfitDatabaseError(f"PostgreSQL has {name} = {found[name]}; a benchmark needs {value}.")
    return found
