"""The benchmark's way to fill a store makes the graph that ingestion makes."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
from bench.graph_store import fill_store
from bench.graphs import make_component, make_job_events

from headwater_server.domain.event_parser import EventParser
from headwater_server.storage.database import Database
from headwater_server.storage.ingest.transaction import IngestStore
from headwater_server.usecases.ingest import Ingestion

LOOKS = (
    "SELECT * FROM namespaces",
    "SELECT * FROM datasets",
    "SELECT job_id, namespace_id, name FROM jobs",
    "SELECT * FROM terms",
    "SELECT * FROM links",
)
TABLES = ("namespaces", "datasets", "jobs", "terms", "links")


async def look(connection: asyncpg.Connection[asyncpg.Record]) -> list[set[tuple[object, ...]]]:
    """What makes the graph, which is then deleted."""
    found = [{tuple(row) for row in await connection.fetch(query)} for query in LOOKS]
    await connection.execute(";".join(f"DELETE FROM {table}" for table in TABLES))
    return found


async def test_rows_are_those_of_ingestion(
    connection: asyncpg.Connection[asyncpg.Record], database: str, reading: Database
) -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    components = [
        make_component(direction, 10, number) for direction in ("downstream", "upstream") for number in (0, 1)
    ]
    ingestion = Ingestion(IngestStore(reading), EventParser(max_event_bytes=1 << 20))
    await ingestion.start()
    await ingestion.write(list(make_job_events(components, start=start)), "a test")
    await ingestion.drain(5)
    expected = await look(connection)
    await fill_store(database, components, start=start)
    assert await look(connection) == expected
