"""The benchmark's way to fill a store makes the graph that ingestion makes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import asyncpg
from bench.field_graphs import make_field_events
from bench.graph_store import TABLES, Made, fill_store, make_components, make_fields
from bench.graphs import make_component, make_job_events

from headwater_server.domain.event_parser import EventParser
from headwater_server.storage.database import Database
from headwater_server.storage.ingest.transaction import IngestStore
from headwater_server.usecases.ingest import Ingestion

START = datetime(2026, 3, 2, tzinfo=UTC)


async def look(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, set[tuple[object, ...]]]:
    """What makes the graph, which is then deleted."""
    found = {
        table: {tuple(row) for row in await connection.fetch(f"SELECT {', '.join(columns)} FROM {table}")}
        for table, columns in TABLES.items()
    }
    await connection.execute(";".join(f"DELETE FROM {table}" for table in TABLES))
    return found


async def check(connection: asyncpg.Connection[asyncpg.Record], database: str, made: Iterable[Made]) -> None:
    """That a store filled so is the one that ingestion left."""
    expected = await look(connection)
    counts = await fill_store(database, made, start=START)
    assert await look(connection) == expected
    assert counts == {table: len(rows) for table, rows in expected.items()}


async def ingest(reading: Database, events: Iterable[bytes]) -> None:
    """Has ingestion take the events."""
    ingestion = Ingestion(IngestStore(reading), EventParser(max_event_bytes=1 << 20))
    await ingestion.start()
    outcome = await ingestion.write(list(events), "a test")
    assert not [result.error for result in outcome.results if result.error]
    await ingestion.drain(5)


async def test_components(connection: asyncpg.Connection[asyncpg.Record], database: str, reading: Database) -> None:
    components = [make_component(direction, 10, n) for direction in ("downstream", "upstream") for n in (0, 1)]
    await ingest(reading, make_job_events(components, start=START))
    await check(connection, database, make_components(components))


async def test_fields(connection: asyncpg.Connection[asyncpg.Record], database: str, reading: Database) -> None:
    await ingest(reading, make_field_events(range(2), start=START))
    await check(connection, database, make_fields(range(2)))
