"""The migrations make the tables that the code speaks of, and keep what older builds wrote."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest_asyncio
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from headwater_server.storage.migrate import MIGRATIONS, SchemaState, schema_state
from headwater_server.storage.tables import metadata

MONDAY, TUESDAY = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)


def engine_of(dsn: str) -> AsyncEngine:
    """What Alembic connects with."""
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn), poolclass=NullPool)


async def migrate(dsn: str, revision: str) -> None:
    """Brings a database to a revision."""

    def run(connection: SyncConnection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with engine_of(dsn).begin() as connection:
        await connection.run_sync(run)


@pytest_asyncio.fixture
async def empty(database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to the test's own database, where nothing is left."""
    connection = await asyncpg.connect(database)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield connection
    await connection.close()


async def test_migrations_make_the_tables_that_the_code_speaks_of(database: str) -> None:
    def differences(connection: SyncConnection) -> list[object]:
        options = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with engine_of(database).begin() as connection:
        assert await connection.run_sync(differences) == []


async def test_versions_that_jobs_declared_before_are_known_after(
    database: str, empty: asyncpg.Connection[asyncpg.Record]
) -> None:
    await migrate(database, "0001")
    assert await schema_state(empty) is SchemaState.BEHIND
    await empty.execute("INSERT INTO job_versions VALUES (1, 11, 111, NULL, $1), (1, 12, 112, NULL, $1)", MONDAY)
    last = uuid.UUID(int=5)
    await empty.executemany(
        "INSERT INTO declarations VALUES (1, $1, $2, 111)",
        [(MONDAY, uuid.UUID(int=9)), (TUESDAY, uuid.UUID(int=3)), (TUESDAY, last)],
    )
    await migrate(database, "head")
    assert await schema_state(empty) is SchemaState.READY
    found = await empty.fetch(
        "SELECT job_version_id, declared_first, declared_last, declared_last_event FROM job_versions ORDER BY 1"
    )
    assert [tuple(row) for row in found] == [(11, MONDAY, TUESDAY, last), (12, None, None, None)]


async def test_a_build_that_notes_no_changes_of_the_graph_does_not_run_on_the_present_schema(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    assert await connection.fetchval("SELECT compatible_from FROM schema_info") == "0004"
