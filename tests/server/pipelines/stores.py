"""Servers without doors, several on one database, whose clocks a test can turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from headwater_server.domain.event_parser import EventParser
from headwater_server.storage.database import Database
from headwater_server.storage.ingest.transaction import IngestStore
from headwater_server.storage.pipelines.sampling import SamplingStore
from headwater_server.usecases.ingest import Ingestion, Outcome
from headwater_server.usecases.sampling import Sampling


@dataclass
class Store:
    """What one server process has of a database."""

    database: Database
    ingestion: Ingestion
    sampling: Sampling

    async def write(self, *bodies: bytes) -> list[Outcome]:
        """Writes events in one call; what became of each."""
        return [each.status for each in (await self.ingestion.write(bodies, "a test")).results]

    async def settle(self, *, days: float = 1) -> None:
        """Reads the rules, and decides on runs as if so many days had passed."""
        await self.sampling.settle(SamplingStore(self.database), datetime.now(UTC) + timedelta(days=days))

    async def rows(self, query: str, *arguments: object) -> list[tuple[object, ...]]:
        """The rows of a query."""
        async with self.database.reading(30) as connection:
            return [tuple(row) for row in await connection.fetch(query, *arguments)]


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Store]:
    """A server's store for the length of a block."""
    database = await Database.open(dsn, max_connections=4)
    sampling = Sampling()
    ingestion = Ingestion(IngestStore(database), EventParser(max_event_bytes=1 << 20), sampling=sampling)
    await ingestion.start()
    try:
        yield Store(database, ingestion, sampling)
    finally:
        await ingestion.drain(5)
        await database.close()
