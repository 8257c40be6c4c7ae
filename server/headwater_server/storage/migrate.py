"""The version of the schema: what the database has, what this build needs, and the way from one to the other."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from .partitions import ensure_partitions

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaState(Enum):
    """What a build can do with a database; the value says the way out."""

    READY = "the schema fits"
    MISSING = "the database has no schema: run `headwater-server migrate`"
    BEHIND = "the schema is older than this build: run `headwater-server migrate`"
    AHEAD = "the schema is newer than this build and not compatible with it: run the newer build"


async def upgrade(dsn: str) -> None:
    """Brings a database to this build's schema, with partitions around the present. Safe to run twice, and at once."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn), poolclass=NullPool
    )
    try:
        with contextlib.suppress(IntegrityError):  # another one makes it at this moment
            async with engine.begin() as connection:
                await connection.execute(text("CREATE TABLE IF NOT EXISTS migration_lock (only_row int PRIMARY KEY)"))
                await connection.execute(text("INSERT INTO migration_lock VALUES (1) ON CONFLICT DO NOTHING"))
        async with engine.begin() as connection:
            await connection.execute(text("SELECT * FROM migration_lock FOR UPDATE"))
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()
    plain = await asyncpg.connect(dsn)
    try:
        await ensure_partitions(plain)
    finally:
        await plain.close()


@dataclass(frozen=True, slots=True)
class Schema:
    """The revision that a database has, nothing without a schema; and what this build can do with it."""

    revision: str
    state: SchemaState


async def read_schema(connection: asyncpg.Connection[asyncpg.Record]) -> Schema:
    """The schema of the database."""
    if await connection.fetchval("SELECT to_regclass('schema_info')") is None:
        return Schema("", SchemaState.MISSING)
    row = await connection.fetchrow(
        "SELECT revision, compatible_from FROM schema_info, alembic_version AS a (revision)"
    )
    if row is None:
        return Schema("", SchemaState.MISSING)
    if row["revision"] < head():
        return Schema(row["revision"], SchemaState.BEHIND)
    return Schema(row["revision"], SchemaState.READY if row["compatible_from"] <= head() else SchemaState.AHEAD)


async def schema_state(connection: asyncpg.Connection[asyncpg.Record]) -> SchemaState:
    """What this build can do with the database."""
    return (await read_schema(connection)).state


@lru_cache(maxsize=1)
def head() -> str:
    """The revision of this build's schema: four digits."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
