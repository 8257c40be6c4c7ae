"""A store to write to, and a way to look at all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio

from headwater_server.domain.event_parser import EventParser
from headwater_server.storage.database import Database
from headwater_server.storage.ingest.transaction import IngestStore
from headwater_server.usecases.ingest import Ingestion, WriteOutcome


@dataclass
class Writing:
    """An ingestion and the database behind it."""

    database: Database
    ingestion: Ingestion

    async def write(self, *bodies: bytes) -> WriteOutcome:
        """Writes events in one call."""
        return await self.ingestion.write(bodies, "a test")

    async def rows(self, query: str, *arguments: object) -> list[tuple[object, ...]]:
        """The rows of a query."""
        async with self.database.reading(30) as connection:
            return [tuple(row) for row in await connection.fetch(query, *arguments)]


@pytest_asyncio.fixture
async def writing(database: str) -> AsyncIterator[Writing]:
    """An ingestion into a database of its own."""
    opened = await Database.open(database, max_connections=4)
    ingestion = Ingestion(IngestStore(opened), EventParser(max_event_bytes=8 * 1024 * 1024))
    await ingestion.start()
    yield Writing(opened, ingestion)
    await ingestion.drain(5)
    await opened.close()
