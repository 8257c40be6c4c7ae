"""Fills the store with a graph past ingestion, by COPY: millions of links in minutes.

It writes what makes the graph: names, what they are found by, and links; nothing of what is kept of each event. A test
compares these rows with those that ingestion makes of events of the same graph.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec

from bench.estate import make_domains
from bench.field_graphs import make_field_component
from bench.graphs import DATASET_NAMESPACE, JOB_NAMESPACE, Component
from bench.traces import EVENT_SPACING
from headwater_server.domain import ids
from headwater_server.domain.kinds import possible_kinds
from headwater_server.domain.model import AssetName
from headwater_server.domain.search import TermKind, name_terms

ROWS_AT_ONCE = 50_000
FOREVER = dt.datetime.max.replace(tzinfo=dt.UTC)
"""What asyncpg writes as infinity."""
NOT_TOLD = ids.hash64(b"transformation", msgspec.msgpack.encode(()))
"""How a field is made of another where that is not told."""
TABLES = {
    "namespaces": ("namespace_id", "namespace"),
    "datasets": ("dataset_id", "namespace_id", "name"),
    "jobs": ("job_id", "namespace_id", "name"),
    "terms": ("kind", "term", "asset_id"),
    "links": ("source_id", "target_id", "job_id", "inferred", "since", "until"),
    "fields": ("field_id", "dataset_id", "path"),
    "transformations": ("transformation_id", "is_direct", "is_masking", "body"),
    "field_links": ("source_id", "target_id", "job_id", "transformation_id", "since", "until"),
}
"""What is written, in this order."""
_ALL_CHANGED = """
INSERT INTO graph_changes_pruned VALUES (1, pg_current_xact_id()::text::bigint)
ON CONFLICT (only_row) DO UPDATE SET through = excluded.through
"""
"""Servers that hold the graph in memory read it again."""


@dataclass(frozen=True, slots=True)
class Made:
    """What one job makes: a dataset or several of others, and fields of fields where that is stated."""

    job: AssetName
    sources: Sequence[AssetName]
    targets: Sequence[AssetName]
    fields: Sequence[tuple[AssetName, str, AssetName, str]] = ()
    """From the field of a dataset to that of another."""


async def fill_store(dsn: str, made: Iterable[Made], *, start: dt.datetime) -> dict[str, int]:
    """Writes the graph of jobs, each with an event time after the one before; how many rows each table got.

    Their namespaces may be in the store already; their datasets and jobs may not.
    """
    connection = await asyncpg.connect(dsn)
    known = await connection.fetch("SELECT namespace_id FROM namespaces")
    writer = _Writer(start, {row["namespace_id"] for row in known})
    try:
        async with connection.transaction():
            for one in made:
                writer.add(one)
                if writer.row_count >= ROWS_AT_ONCE:
                    await writer.flush(connection)
            await writer.flush(connection)
            await connection.execute(_ALL_CHANGED)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return writer.counts


def make_components(components: Iterable[Component]) -> Iterator[Made]:
    """The jobs of a graph for traversal."""
    for component in components:
        for node, parents in enumerate(component.parents):
            if parents:
                name = component.name_node(node)
                one, many = [_in_graph(name)], [_in_graph(component.name_node(parent)) for parent in parents]
                ends = (many, one) if component.direction == "downstream" else (one, many)
                yield Made(AssetName(JOB_NAMESPACE, f"make_{name}"), *ends)


def make_fields(numbers: Iterable[int]) -> Iterator[Made]:
    """The jobs of a graph of fields."""
    for number in numbers:
        component = make_field_component(number)
        names = {dataset: _in_graph(component.name_dataset(dataset)) for dataset, _ in component.sources}
        made: dict[str, list[tuple[AssetName, str, AssetName, str]]] = {}
        for (dataset, path), sources in component.sources.items():
            made.setdefault(dataset, []).extend(
                (names[source], field, names[dataset], path) for source, field in sources
            )
        for dataset, fields in made.items():
            if fields:
                job = AssetName(JOB_NAMESPACE, f"make_{names[dataset].name}")
                yield Made(job, sorted({field[0] for field in fields}), [names[dataset]], fields)


def make_estate_jobs(domains: Iterable[int]) -> Iterator[Made]:
    """The jobs of an estate, without what they state of columns."""
    for domain in domains:
        estate = make_domains([domain])
        names = [AssetName(dataset.namespace, dataset.name) for dataset in estate.datasets]
        for job in estate.jobs:
            ends = ([names[place] for place in places] for places in (job.inputs, job.outputs))
            yield Made(AssetName(job.namespace, job.name), *ends)


class _Writer:
    """Gathers rows, each dataset once, and copies them."""

    def __init__(self, start: dt.datetime, known: set[int]) -> None:
        self.counts = dict.fromkeys(TABLES, 0)
        self.row_count = 0
        self._time = start
        self._rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
        self._known = known
        """Ids of what was written."""

    def add(self, made: Made) -> None:
        """Adds what a job makes."""
        job = ids.job_id(*made.job)
        sources, targets = ([ids.dataset_id(*name) for name in names] for names in (made.sources, made.targets))
        self._add_name("jobs", job, made.job)
        for dataset, name in zip((*sources, *targets), (*made.sources, *made.targets), strict=True):
            self._add_name("datasets", dataset, name)
        links = self._rows["links"]
        for source in sources:
            links += [(source, target, job, not made.fields, self._time, FOREVER) for target in targets]
        for source_name, source_path, target_name, target_path in made.fields:
            source = self._add_field(ids.dataset_id(*source_name), source_path)
            target = self._add_field(ids.dataset_id(*target_name), target_path)
            self._rows["field_links"].append((source, target, job, NOT_TOLD, self._time, FOREVER))
        if made.fields and self._is_new(NOT_TOLD):
            self._rows["transformations"].append((NOT_TOLD, True, False, msgspec.msgpack.encode(())))
        self.row_count += len(sources) * len(targets) + len(made.fields)
        self._time += EVENT_SPACING

    async def flush(self, connection: Any) -> None:
        """Copies what was gathered."""
        for table, columns in TABLES.items():
            rows = self._rows[table]
            if rows:
                await connection.copy_records_to_table(table, columns=list(columns), records=rows)
                self.counts[table] += len(rows)
                rows.clear()
        self.row_count = 0

    def _add_name(self, table: str, key: int, name: AssetName) -> None:
        if not self._is_new(key):
            return
        space = ids.namespace_id(name.namespace)
        if self._is_new(space):
            self._rows["namespaces"].append((space, name.namespace))
        self._rows[table].append((key, space, name.name))
        terms = {(kind, term, key) for kind, term in name_terms(name, is_job=table == "jobs")}
        if table == "datasets":
            terms |= {(TermKind.DATASET_KIND, kind.name.lower(), key) for kind in possible_kinds(name, {})}
        self._rows["terms"] += terms

    def _add_field(self, dataset: int, path: str) -> int:
        field = ids.field_id(dataset, path)
        if self._is_new(field):
            self._rows["fields"].append((field, dataset, path))
        return field

    def _is_new(self, key: int) -> bool:
        known = len(self._known)
        self._known.add(key)
        return len(self._known) > known


def _in_graph(name: str) -> AssetName:
    return AssetName(DATASET_NAMESPACE, name)
