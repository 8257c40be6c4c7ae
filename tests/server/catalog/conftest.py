"""A catalogue to ask, and events to fill it with."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio

from headwater.names import DatasetName, JobName
from headwater.v1 import catalog_service_pb2 as messages
from headwater_server.api.call import LocalCall
from headwater_server.api.catalog import CatalogServicer
from headwater_server.domain.event_parser import EventParser
from headwater_server.storage.catalog.store import CatalogStore
from headwater_server.storage.database import Database
from headwater_server.storage.ingest.transaction import IngestStore
from headwater_server.usecases.ingest import Ingestion

Json = dict[str, Any]
DAY = datetime(2026, 3, 2, tzinfo=UTC)
CALL = LocalCall(30, "ipv4:127.0.0.1:1")


def at(hours: float) -> datetime:
    """So many hours after the first day began."""
    return DAY + timedelta(hours=hours)


def run_id(word: str) -> uuid.UUID:
    """The id of the run that a test calls by a word."""
    return uuid.uuid5(uuid.NAMESPACE_URL, word)


def table(name: str, *fields: str, namespace: str = "db", **facets: Json) -> Json:
    """A dataset with a schema of these fields, if any, and facets."""
    if fields:
        facets["schema"] = {"fields": [{"name": field, "type": "int"} for field in fields]}
    return {"namespace": namespace, "name": name, "facets": facets}


def labelled(label: str) -> Json:
    """A version facet."""
    return {"datasetVersion": label}


def dataset(name: str, namespace: str = "db") -> str:
    """The resource name of a dataset."""
    return str(DatasetName(namespace, name))


def job(name: str, namespace: str = "team") -> str:
    """The resource name of a job."""
    return str(JobName(namespace, name))


def open_ingestion(database: Database) -> Ingestion:
    """A way into a database for events."""
    return Ingestion(IngestStore(database), EventParser(max_event_bytes=8 * 1024 * 1024))


@dataclass
class Catalog:
    """A catalogue, with the ways in that fill it."""

    database: Database
    ingestion: Ingestion
    servicer: CatalogServicer

    async def send(self, *events: Json) -> None:
        """Takes events; all must be accepted."""
        outcome = await self.ingestion.write([json.dumps(event).encode() for event in events], "a test")
        assert [result.error for result in outcome.results] == [None] * len(events)

    async def send_one_by_one(self, events: list[Json]) -> None:
        """Takes events, each in a call of its own."""
        for event in events:
            await self.send(event)

    async def forget(self) -> None:
        """Empties the store."""
        async with self.database.transaction() as connection:
            names = await connection.fetch(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
                " AND relnamespace = 'public'::regnamespace"
                " AND relname NOT IN ('alembic_version', 'schema_info', 'locks')"
            )
            await connection.execute(";".join(f"DELETE FROM {row[0]}" for row in names))
        await self.ingestion.drain(5)
        self.ingestion = open_ingestion(self.database)
        await self.ingestion.start()

    async def run(
        self,
        hours: float,
        name: str,
        word: str,
        *,
        reads: list[Json] | None = None,
        writes: list[Json] | None = None,
        says: str = "COMPLETE",
        job_facets: Json | None = None,
        run_facets: Json | None = None,
    ) -> None:
        """Takes an event of a run of a job of the team."""
        await self.send(
            {
                "eventTime": at(hours).isoformat(),
                "eventType": says,
                "run": {"runId": str(run_id(word)), "facets": run_facets or {}},
                "job": {"namespace": "team", "name": name, "facets": job_facets or {}},
                "inputs": reads or [],
                "outputs": writes or [],
            }
        )

    async def about(self, hours: float, stated: Json) -> None:
        """Takes an event about a dataset."""
        await self.send({"eventTime": at(hours).isoformat(), "dataset": stated})

    async def ask(self, method: str, **request: Any) -> Any:
        """The answer to a question of the contract."""
        message = getattr(messages, f"{method}Request")(**request)
        return await getattr(self.servicer, method)(message, CALL)

    async def pages(self, method: str, items: str, size: int, /, **request: Any) -> list[list[Any]]:
        """All pages of a list, each with at most so many items."""
        found, token = [], ""
        while True:
            answer = await self.ask(method, page_size=size, page_token=token, **request)
            found.append(list(getattr(answer, items)))
            assert len(found[-1]) <= size
            token = answer.next_page_token
            if not token:
                return found


@pytest_asyncio.fixture
async def catalog(database: str) -> AsyncIterator[Catalog]:
    """A catalogue in a database of its own."""
    opened = await Database.open(database, max_connections=4)
    made = Catalog(opened, open_ingestion(opened), CatalogServicer(CatalogStore(opened, opened), 30))
    await made.ingestion.start()
    yield made
    await made.ingestion.drain(5)
    await opened.close()
