"""Fills the store with a graph past ingestion, by COPY: millions of links in minutes.

It writes what makes the graph: names, what they are found by, and links; nothing of what is kept of each event. A test
compares these rows with those that ingestion makes of the same graph's JobEvents.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import asyncpg

from bench.graphs import DATASET_NAMESPACE, JOB_NAMESPACE, Component
from bench.traces import EVENT_SPACING
from headwater_server.domain import ids
from headwater_server.domain.kinds import possible_kinds
from headwater_server.domain.model import AssetName
from headwater_server.domain.search import TermKind, name_terms

ROWS_AT_ONCE = 100_000
FOREVER = dt.datetime.max.replace(tzinfo=dt.UTC)
"""What asyncpg writes as infinity."""
_ALL_CHANGED = """
INSERT INTO graph_changes_pruned VALUES (1, pg_current_xact_id()::text::bigint)
ON CONFLICT (only_row) DO UPDATE SET through = excluded.through
"""
"""Servers that hold the graph in memory read it again."""


async def fill_store(dsn: str, components: Sequence[Component], *, start: dt.datetime) -> int:
    """Writes the graph of components, their links from that event time on; how many links there are."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            spaces = [(ids.namespace_id(name), name) for name in (DATASET_NAMESPACE, JOB_NAMESPACE)]
            await connection.copy_records_to_table("namespaces", records=spaces)
            datasets = (component.name_node(node) for component in components for node in range(component.node_count))
            columns = ("dataset_id", "namespace_id", "name")
            await _copy(connection, "datasets", columns, _names(datasets, DATASET_NAMESPACE))
            columns = ("job_id", "namespace_id", "name")
            await _copy(connection, "jobs", columns, _names(_jobs(components), JOB_NAMESPACE))
            await _copy(connection, "terms", ("kind", "term", "asset_id"), _terms(components))
            columns = ("source_id", "target_id", "job_id", "inferred", "since", "until")
            count = await _copy(connection, "links", columns, _links(components, start))
            await connection.execute(_ALL_CHANGED)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return count


async def _copy(connection: Any, table: str, columns: Iterable[str], rows: Iterator[tuple[Any, ...]]) -> int:
    count = 0
    while chunk := [row for _, row in zip(range(ROWS_AT_ONCE), rows, strict=False)]:
        await connection.copy_records_to_table(table, columns=list(columns), records=chunk)
        count += len(chunk)
    return count


def _names(names: Iterable[str], namespace: str) -> Iterator[tuple[int, int, str]]:
    space, identify = ids.namespace_id(namespace), _identify(namespace)
    return ((identify(name), space, name) for name in names)


def _terms(components: Iterable[Component]) -> Iterator[tuple[int, str, int]]:
    dataset, job = _identify(DATASET_NAMESPACE), _identify(JOB_NAMESPACE)
    for component in components:
        for node in range(component.node_count):
            name = component.name_node(node)
            asset = AssetName(DATASET_NAMESPACE, name)
            kinds = ((TermKind.DATASET_KIND, kind.name.lower()) for kind in possible_kinds(asset, {}))
            yield from ((k, t, dataset(name)) for k, t in {*name_terms(asset), *kinds})
        for name in _jobs([component]):
            yield from ((k, t, job(name)) for k, t in set(name_terms(AssetName(JOB_NAMESPACE, name), is_job=True)))


def _links(components: Iterable[Component], start: dt.datetime) -> Iterator[tuple[Any, ...]]:
    dataset, job, time = _identify(DATASET_NAMESPACE), _identify(JOB_NAMESPACE), start
    for component in components:
        for node, parents in enumerate(component.parents):
            name = component.name_node(node)
            for parent in parents:
                ends = dataset(component.name_node(parent)), dataset(name)
                source, target = ends if component.direction == "downstream" else ends[::-1]
                yield source, target, job(f"make_{name}"), True, time, FOREVER
            time += EVENT_SPACING if parents else dt.timedelta()


def _jobs(components: Iterable[Component]) -> Iterator[str]:
    return (
        f"make_{each.name_node(node)}" for each in components for node, parents in enumerate(each.parents) if parents
    )


def _identify(namespace: str) -> Any:
    make = ids.dataset_id if namespace == DATASET_NAMESPACE else ids.job_id
    return lambda name: make(namespace, name)
