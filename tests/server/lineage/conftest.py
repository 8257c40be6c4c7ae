"""A graph to ask, and events to fill it with."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio

from headwater.names import DatasetName, JobName, RunName, WriteName, parse_name
from headwater.v1 import lineage_service_pb2 as messages
from headwater_server.api.lineage import LineageServicer
from headwater_server.domain.event_parser import EventParser
from headwater_server.storage.catalog.store import CatalogStore
from headwater_server.storage.database import Database
from headwater_server.storage.graph.memory import GraphMemory
from headwater_server.storage.ingest.rows import Known
from headwater_server.storage.ingest.transaction import IngestStore
from headwater_server.storage.lineage.store import LineageStore
from headwater_server.usecases.ingest import Ingestion

from .memory_pair import CALL, Pair

Json = dict[str, Any]
DAY = datetime(2026, 3, 2, tzinfo=UTC)
UP, DOWN, BOTH = messages.DIRECTION_UPSTREAM, messages.DIRECTION_DOWNSTREAM, messages.DIRECTION_BOTH


def at(hours: float) -> datetime:
    """So many hours after the first day began."""
    return DAY + timedelta(hours=hours)


def run_id(word: str) -> uuid.UUID:
    """The id of the run that a test calls by a word."""
    return uuid.uuid5(uuid.NAMESPACE_URL, word)


def table(name: str, *fields: str, namespace: str = "db", label: str = "", **facets: Json) -> Json:
    """A dataset with a schema of these fields, if any, a version that its producer names, and facets."""
    if fields:
        facets["schema"] = {"fields": [{"name": field, "type": "int"} for field in fields]}
    if label:
        facets["version"] = {"datasetVersion": label}
    return {"namespace": namespace, "name": name, "facets": facets}


def model(name: str) -> Json:
    """A model."""
    return table(name, datasetType={"datasetType": "MODEL"})


def columns(whole: list[tuple[str, str]] | None = None, **fields: list[tuple[str, str]]) -> Json:
    """A columnLineage facet: from which fields of which datasets fields are made, and what acts on the whole."""
    named = {
        name: {"inputFields": [{"namespace": "db", "name": n, "field": f} for n, f in sources]}
        for name, sources in fields.items()
    }
    acting = [
        {"namespace": "db", "name": n, "field": f, "transformations": [{"type": "INDIRECT", "subtype": "FILTER"}]}
        for n, f in whole or []
    ]
    return {"fields": named, "dataset": acting}


def dataset(name: str, namespace: str = "db") -> str:
    """The resource name of a dataset."""
    return str(DatasetName(namespace, name))


def job(name: str) -> str:
    """The resource name of a job."""
    return str(JobName("team", name))


def run(word: str) -> str:
    """The resource name of a run."""
    return str(RunName(str(run_id(word))))


def write(name: str, word: str) -> str:
    """The resource name of what a run did to a dataset."""
    return str(WriteName("db", name, str(run_id(word))))


@dataclass
class Lineage:
    """A graph, with the ways in that fill it."""

    database: Database
    ingestion: Ingestion
    catalog: CatalogStore
    servicer: LineageServicer

    def forget(self) -> None:
        """Makes ingestion forget which rows it wrote, because a test deleted them."""
        store: Any = self.ingestion._store
        store._known = Known()

    async def send(self, *events: Json) -> str:
        """Takes events; all must be accepted. The position that holds them."""
        outcome = await self.ingestion.write([json.dumps(event).encode() for event in events], "a test")
        assert [result.error for result in outcome.results] == [None] * len(events)
        return outcome.position

    async def run(
        self,
        hours: float,
        name: str,
        word: str,
        *,
        reads: list[Json | str] | None = None,
        writes: list[Json | str] | None = None,
        says: str = "COMPLETE",
        job_facets: Json | None = None,
    ) -> str:
        """Takes an event of a run of a job of the team."""
        return await self.send(
            {
                "eventTime": at(hours).isoformat(),
                "eventType": says,
                "run": {"runId": str(run_id(word))},
                "job": {"namespace": "team", "name": name, "facets": job_facets or {}},
                "inputs": [table(x) if isinstance(x, str) else x for x in reads or []],
                "outputs": [table(x) if isinstance(x, str) else x for x in writes or []],
            }
        )

    async def ask(self, method: str, **request: Any) -> Any:
        """The answer to a question of the contract; of a stream, its messages."""
        message = getattr(messages, f"{method}Request")(**request)
        answer = getattr(self.servicer, method)(message, CALL)
        return [part async for part in answer] if method == "TraverseLineage" else await answer

    async def walk(self, *roots: str, **traversal: Any) -> Any:
        """The answer of a walk."""
        return await self.ask("GetLineage", traversal=messages.Traversal(roots=roots, **traversal))


@pytest_asyncio.fixture
async def reading(database: str) -> AsyncIterator[Database]:
    """Connections to the test's own database."""
    opened = await Database.open(database, max_connections=4)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def store(reading: Database) -> LineageStore:
    """The graph in the test's own database."""
    return LineageStore(reading)


@pytest_asyncio.fixture
async def pair(reading: Database, database: str) -> AsyncIterator[Pair]:
    """Both over the test's own database."""
    memory, store, catalog = GraphMemory(reading, database, 64), LineageStore(reading), CatalogStore(reading, reading)
    recalling = LineageServicer(store, catalog, 30, memory=memory)
    yield Pair(memory, recalling, LineageServicer(store, catalog, 30))
    memory._drop_connection()


@pytest_asyncio.fixture
async def lineage(reading: Database) -> AsyncIterator[Lineage]:
    """A graph in a database of its own, filled by events."""
    ingestion = Ingestion(IngestStore(reading), EventParser(max_event_bytes=8 * 1024 * 1024))
    await ingestion.start()
    catalog = CatalogStore(reading, reading)
    yield Lineage(reading, ingestion, catalog, LineageServicer(LineageStore(reading), catalog, 30))
    await ingestion.drain(5)


def words(answer: Any) -> list[str]:
    """The nodes of an answer in short, in their order."""
    return [short(node.name, node.field) for node in answer.nodes]


def arrows(links: Any) -> set[str]:
    """Links in short: `source -> target`, `~>` where inferred."""
    return {
        f"{short(link.source, link.source_field)} {'~>' if link.inferred else '->'} "
        f"{short(link.target, link.target_field)}"
        for link in links
    }


def short(name: str, field: str = "") -> str:
    """A name in short: `orders`, `orders.id`, `job load`, `run r1`, `orders@r1`."""
    parsed = parse_name(name)
    match parsed:
        case DatasetName(_, text):
            return f"{text}.{field}" if field else text
        case JobName(_, text):
            return f"job {text}"
        case RunName(text):
            return f"run {_WORDS[text]}"
        case WriteName(_, text, by):
            return f"{text}@{_WORDS[by]}"
    raise AssertionError(name)


_WORDS = {str(run_id(f"{letter}{number}")): f"{letter}{number}" for letter in "abcdefrt" for number in range(10)}
