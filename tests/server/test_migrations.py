"""The migrations make the tables that the code speaks of, and keep what older builds wrote."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from headwater_server.domain.event_parser import EventParser
from headwater_server.domain.ids import namespace_id
from headwater_server.domain.model import AssetName, RunState
from headwater_server.domain.run_merge import merge_event
from headwater_server.domain.search import name_terms
from headwater_server.storage.catalog.runs import get_run
from headwater_server.storage.compression import compress
from headwater_server.storage.database import Database
from headwater_server.storage.ingest.transaction import IngestStore
from headwater_server.storage.migrate import MIGRATIONS, IncompatibleSchema, SchemaState, schema_state, upgrade
from headwater_server.storage.tables import metadata
from headwater_server.usecases.ingest import Ingestion, Outcome

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


async def test_an_earlier_build_does_not_run_on_a_schema_whose_rows_it_cannot_read(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    assert await connection.fetchval("SELECT compatible_from FROM schema_info") == "0006"


async def test_names_that_were_written_before_are_found_by_words_of_several_parts(
    database: str, empty: asyncpg.Connection[asyncpg.Record]
) -> None:
    await migrate(database, "0005")
    names = ["prod.UserChurn_v2", "_ÄB" * 40, "İx.y", "a1" * 70]
    await empty.execute("INSERT INTO datasets SELECT hashtext(n), 1, n FROM unnest($1::text[]) AS n", names)
    await empty.execute("INSERT INTO jobs SELECT hashtext(n), 1, n FROM unnest($1::text[]) AS n", names)
    await empty.execute("INSERT INTO terms VALUES (1, 'old', 5), (11, 'old', 5), (2, 'kept', 5)")
    await upgrade(database)
    for is_job, kind, table in ((False, 1, "datasets"), (True, 11, "jobs")):
        for name in names:
            found = await empty.fetch(
                f"SELECT term FROM terms JOIN {table} ON asset_id = {table[:-1]}_id WHERE kind = $1 AND name = $2",
                *(kind, name),
            )
            expected = {text for k, text in name_terms(AssetName("", name), is_job=is_job) if k == kind}
            assert {row[0] for row in found} == expected
    assert await empty.fetchval("SELECT count(*) FROM terms WHERE asset_id = 5") == 1


async def test_what_was_written_before_rows_were_smaller_is_known_after(
    database: str, empty: asyncpg.Connection[asyncpg.Record]
) -> None:
    await migrate(database, "0004")
    start, complete = (_event(kind, minute) for kind, minute in (("START", 0), ("COMPLETE", 5)))
    kept = EventParser(max_event_bytes=1 << 20).parse(start, MONDAY)
    run = merge_event(None, kept)
    await empty.execute("INSERT INTO namespaces VALUES ($1, 'team')", namespace_id("team"))
    await empty.execute("INSERT INTO jobs VALUES ($1, $2, 'load')", run.job, namespace_id("team"))
    await empty.execute("INSERT INTO senders VALUES (7, 'a test')")
    await empty.execute(
        "INSERT INTO statement_sources VALUES ($1, $2)", kept.statement.id, compress(kept.statement.source)
    )
    await empty.execute(
        "INSERT INTO events VALUES ($1, $2, $3, 1, $2, 7, $4)",
        *(kept.subject, MONDAY, uuid.UUID(bytes=kept.identity), compress(start)),
    )
    await empty.execute(
        "INSERT INTO runs (run_id, created, job_id, state, started_at, events_from, events_to, merge)"
        " VALUES ($1, $2, $3, 1, $2, $2, $2, $4)",
        *(kept.subject, MONDAY, run.job, msgspec.msgpack.Encoder(uuid_format="bytes").encode(run)),
    )
    await upgrade(database)
    store = await Database.open(database, max_connections=2)
    writing = Ingestion(IngestStore(store), EventParser(max_event_bytes=1 << 20))
    await writing.start()
    outcome = await writing.write([start, complete], "a test")
    assert [result.status for result in outcome.results] == [Outcome.DUPLICATE, Outcome.ACCEPTED]
    async with store.reading(30) as reading:
        found = await get_run(reading, kept.subject)
    assert found
    assert (found.state, found.started, found.ended) == (RunState.SUCCEEDED, MONDAY, MONDAY + timedelta(minutes=5))
    assert {facet.name for facet in found.facets} == {"START", "COMPLETE"}
    await writing.drain(5)
    await store.close()


def _event(kind: str, minute: int) -> bytes:
    """An event of the one run, with a facet that tells of it."""
    body = {
        "eventTime": (MONDAY + timedelta(minutes=minute)).isoformat(),
        "eventType": kind,
        "run": {"runId": "0190e1c2-0000-4000-8000-000000000001", "facets": {kind: {}}},
        "job": {"namespace": "team", "name": "load"},
        "outputs": [{"namespace": "db", "name": "users"}],
    }
    return json.dumps(body).encode()


async def test_a_later_schema_that_fits_is_left_as_it_is(
    database: str, empty: asyncpg.Connection[asyncpg.Record]
) -> None:
    await upgrade(database)
    await empty.execute("UPDATE alembic_version SET version_num = '9999'")
    await upgrade(database)
    assert await empty.fetchval("SELECT version_num FROM alembic_version") == "9999"
    await empty.execute("UPDATE schema_info SET compatible_from = '9999'")
    with pytest.raises(IncompatibleSchema, match="run the newer build"):
        await upgrade(database)
