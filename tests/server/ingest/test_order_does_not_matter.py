"""The same events, in any order, any grouping and any repetition, make the same store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater_server.domain.event_parser import EventParser
from headwater_server.storage.database import Database
from headwater_server.storage.ingest.transaction import IngestStore
from headwater_server.usecases.ingest import Ingestion

START = datetime(2026, 3, 2, tzinfo=UTC)
LOOKS = {
    "runs": "SELECT run_id, job_id, state, started_at, ended_at, nominal_start, parent_run_id, io_set_id,"
    " version_set_id, job_version_id, events_from, events_to, merge FROM runs",
    "links": "SELECT source_id, target_id, job_id, inferred, since, until FROM links",
    "field links": "SELECT source_id, target_id, job_id, transformation_id, since, until FROM field_links",
    "statements": "SELECT * FROM statements",
    "names": "SELECT dataset_id, canonical_id FROM datasets",
    "drops": "SELECT * FROM deletions",
    "declarations": "SELECT * FROM declarations",
    "declared versions": "SELECT job_id, job_version_id, declared_first, declared_last, declared_last_event"
    " FROM job_versions WHERE declared_first IS NOT NULL",
    "versions": """
        SELECT v.dataset_id, v.version_id, v.schema_id, v.label FROM dataset_versions v
        WHERE source = 1 AND EXISTS (
            SELECT FROM runs JOIN version_sets s USING (version_set_id)
            WHERE state = 3 AND v.version_id = ANY (s.output_versions))""",
    "job versions": """
        SELECT v.job_id, v.job_version_id, i.inputs, i.outputs, v.code_content_id
        FROM job_versions v LEFT JOIN io_sets i USING (io_set_id)
        WHERE EXISTS (SELECT FROM runs r WHERE r.job_version_id = v.job_version_id)""",
}


@dataclass(frozen=True)
class Store:
    """A database that is emptied for each example."""

    dsn: str

    async def after(self, calls: list[list[bytes]]) -> dict[str, list[str]]:
        """All that is in the store after these calls, one after the other."""
        await self._empty()
        async with _server(self.dsn) as server:
            for bodies in calls:
                await _write(server, bodies)
        return await self._look()

    async def after_at_once(self, calls: list[list[bytes]]) -> dict[str, list[str]]:
        """All that is in the store after these calls, all at the same moment, to two servers in turn."""
        await self._empty()
        async with _server(self.dsn) as one, _server(self.dsn) as other, asyncio.TaskGroup() as group:
            for number, bodies in enumerate(calls):
                group.create_task(_write((one, other)[number % 2], bodies))
        return await self._look()

    async def _empty(self) -> None:
        connection = await asyncpg.connect(self.dsn)
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace"
            " AND relname NOT IN ('alembic_version', 'schema_info', 'locks', 'migration_lock')"
        )
        await connection.execute(";".join(f"DELETE FROM {row[0]}" for row in tables))
        await connection.close()

    async def _look(self) -> dict[str, list[str]]:
        connection = await asyncpg.connect(self.dsn)
        found = {
            name: sorted(str(tuple(row)) for row in await connection.fetch(query)) for name, query in LOOKS.items()
        }
        await connection.close()
        return found


@contextlib.asynccontextmanager
async def _server(dsn: str) -> AsyncIterator[Ingestion]:
    """What writes in one process; it knows nothing of what others have written."""
    database = await Database.open(dsn, max_connections=2)
    ingestion = Ingestion(IngestStore(database), EventParser(max_event_bytes=1 << 20))
    await ingestion.start()
    yield ingestion
    await ingestion.drain(5)
    await database.close()


async def _write(server: Ingestion, bodies: list[bytes]) -> None:
    outcome = await server.write(bodies, "a test")
    assert [result.error for result in outcome.results] == [None] * len(bodies)


def at(minute: int) -> str:
    """A time so many minutes after the start."""
    return (START + timedelta(minutes=minute)).isoformat()


def run_id(job: str, number: int) -> str:
    """The id of a run."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{job} {number}"))


SCHEMAS = [[{"name": "id", "type": "int"}], [{"name": "id", "type": "int"}, {"name": "email", "type": "text"}]]
DATASETS = st.sampled_from("abcd")


@st.composite
def dataset(draw: st.DrawFn, *, output: bool) -> dict[str, Any]:
    """A dataset of an event, with some of the facets that change something."""
    facets: dict[str, Any] = {}
    if draw(st.booleans()):
        facets["schema"] = {"fields": draw(st.sampled_from(SCHEMAS))}
    if draw(st.integers(0, 4)) == 0:
        facets["version"] = {"datasetVersion": draw(st.sampled_from(["1", "2"]))}
    if draw(st.integers(0, 6)) == 0:
        facets["symlinks"] = {"identifiers": [{"namespace": "hive", "name": draw(DATASETS), "type": "TABLE"}]}
    if draw(st.integers(0, 3)) == 0:
        facets["headwater_declared"] = {}
    if output and draw(st.integers(0, 6)) == 0:
        facets["lifecycleStateChange"] = {"lifecycleStateChange": "DROP"}
    if output and draw(st.integers(0, 2)) == 0:
        source = {"namespace": "db", "name": draw(DATASETS), "field": "id"}
        facets["columnLineage"] = {"fields": {"id": {"inputFields": [source]}}}
    return {"namespace": "db", "name": draw(DATASETS), "facets": facets}


@st.composite
def event(draw: st.DrawFn) -> bytes:
    """An event about one of a few jobs, runs and datasets, at one of a few times."""
    body: dict[str, Any] = {"eventTime": at(draw(st.integers(0, 12)))}
    job = draw(st.sampled_from(["load", "train"]))
    kind = draw(st.sampled_from(["run", "run", "run", "run", "job", "dataset"]))
    if kind == "dataset":
        return json.dumps(body | {"dataset": draw(dataset(output=False))}).encode()
    body["job"] = {"namespace": "team", "name": job, "facets": {}}
    if draw(st.integers(0, 3)) == 0:
        body["job"]["facets"]["sql"] = {"query": draw(st.sampled_from(["SELECT 1", "SELECT 2"]))}
    body["inputs"] = draw(st.lists(dataset(output=False), max_size=2))
    body["outputs"] = draw(st.lists(dataset(output=True), max_size=2))
    if kind == "run":
        body["eventType"] = draw(
            st.sampled_from(["START", "RUNNING", "COMPLETE", "COMPLETE", "FAIL", "ABORT", "OTHER"])
        )
        body["run"] = {"runId": run_id(job, draw(st.integers(0, 2))), "facets": {}}
        if draw(st.integers(0, 1)) == 0:
            of = draw(st.sampled_from(["load", "train", "dag"]))
            parent = {"run": {"runId": run_id(of, draw(st.integers(0, 2)))}, "job": {"namespace": "team", "name": of}}
            body["run"]["facets"]["parent"] = parent
    return json.dumps(body).encode()


@st.composite
def two_ways(draw: st.DrawFn) -> tuple[list[list[bytes]], list[list[bytes]]]:
    """Events one call each in one order, and the same in another order, repeated here and there, in groups."""
    events = draw(st.lists(event(), min_size=1, max_size=8))
    other = draw(st.permutations(events))
    repeated = [*other, *draw(st.lists(st.sampled_from(events), max_size=3))]
    size = draw(st.integers(1, len(repeated)))
    return [[body] for body in events], [repeated[i : i + size] for i in range(0, len(repeated), size)]


@pytest.fixture
def store(database: str) -> Store:
    """A store of the test's own."""
    return Store(database)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(ways=two_ways())
async def test_any_order_any_grouping_any_repetition_makes_the_same_store(
    store: Store, ways: tuple[list[list[bytes]], list[list[bytes]]]
) -> None:
    one, other = ways
    expected, found = await store.after(one), await store.after(other)
    for look, rows in expected.items():
        assert found[look] == rows, look


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(ways=two_ways())
async def test_two_servers_at_the_same_moment_make_the_same_store(
    store: Store, ways: tuple[list[list[bytes]], list[list[bytes]]]
) -> None:
    one, other = ways
    expected, found = await store.after(one), await store.after_at_once(other)
    for look, rows in expected.items():
        assert found[look] == rows, look
