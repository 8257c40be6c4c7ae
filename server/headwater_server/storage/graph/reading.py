"""Reads the graph of datasets and jobs: all of it, and again what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from ...domain.lineage import FOREVER
from ...domain.memory_changes import AssetState, Changes, StoredAssets, StoredLinks, make_graph
from ...domain.memory_graph import NO_JOB, MemoryGraph, Nodes
from ...domain.memory_links import LinkColumns, Longs, Texts, known_links
from ...domain.model import AssetName
from ..database import Connection
from ..graph_changes import Changed
from ..lineage.moments import EPOCH_2000, micros
from .copied import Column, Room, copy_numbers, copy_texts

MAX_LINKS = 100_000
"""How many links are read again at most; where there are more, the whole graph is."""
NODE_BYTES, LINK_BYTES = 29, 12
"""What a node takes beside its name and what is read of it, and a link beside its columns."""
_NO_TIME = 2**63 - 1
_ASSETS = """
SELECT {columns} FROM (
    SELECT dataset_id AS id, namespace_id, false AS is_job, name FROM datasets
    UNION ALL SELECT job_id, namespace_id, true, name FROM jobs
    UNION ALL SELECT 0, 0, true, '') AS asset
ORDER BY id
"""
_SHOWN = "SELECT dataset_id, canonical_id FROM datasets WHERE canonical_id IS NOT NULL AND canonical_id <> dataset_id"
_LINKS = "SELECT source_id, target_id, job_id, since, until, inferred FROM links ORDER BY source_id"
_LINKS_OF_JOBS = """
SELECT source_id, target_id, job_id, timestamptz_send(since), timestamptz_send(until), inferred
FROM links WHERE job_id = ANY($1::bigint[]) LIMIT $2
"""
_STATES = """
SELECT a.id, namespace, a.name, a.shown, a.is_job, EXISTS (SELECT FROM deletions AS d WHERE d.asset_id = a.id)
FROM (
    SELECT dataset_id AS id, namespace_id, name, COALESCE(canonical_id, dataset_id) AS shown, false AS is_job
    FROM datasets WHERE dataset_id = ANY($1::bigint[])
    UNION ALL SELECT job_id, namespace_id, name, job_id, true FROM jobs WHERE job_id = ANY($1::bigint[])) AS a
JOIN namespaces USING (namespace_id)
"""


async def read_graph(connection: Connection, position: str, room: Room) -> MemoryGraph:
    """All of the graph, in the connection's snapshot. Raises OutOfRoom."""
    rows = await connection.fetch("SELECT namespace_id, namespace FROM namespaces")
    known = sorted([*(tuple(row) for row in rows), (NO_JOB, "")])
    spaces = np.array([row[0] for row in known], np.int64)
    columns = (
        Column("bigint"),
        Column("bigint", lambda ids: np.searchsorted(spaces, ids).astype(np.int32)),
        Column("boolean"),
        Column("integer"),
    )
    query = _ASSETS.format(columns="id, namespace_id, is_job, octet_length(name)")
    ids, places, is_job, lengths = await copy_numbers(connection, query, columns, room)
    room.take(NODE_BYTES * len(ids))
    names = await copy_texts(connection, _ASSETS.format(columns="name"), lengths, room)
    nodes = Nodes(ids, places, [row[1] for row in known], Texts(names, np.cumsum(lengths, dtype=np.int64)))
    del ids, places, lengths
    shown = {row[0]: row[1] for row in await connection.fetch(_SHOWN)}
    deleted = [row[0] for row in await connection.fetch("SELECT DISTINCT asset_id FROM deletions")]
    links = await _read_links(connection, nodes, room)
    return await asyncio.to_thread(make_graph, position, StoredAssets(nodes, shown, is_job, deleted), links)


async def _read_links(connection: Connection, nodes: Nodes, room: Room) -> LinkColumns:
    end, time = Column("bigint", nodes.find_all), Column("bigint", stored_times)
    columns = await copy_numbers(connection, _LINKS, (end, end, end, time, time, Column("boolean")), room)
    room.take(LINK_BYTES * len(columns[0]))
    return known_links(LinkColumns.of(columns))


def stored_times(stored: Longs) -> Longs:
    """Times as PostgreSQL stores them, in microseconds since 1970."""
    times: Longs = np.where(stored == _NO_TIME, FOREVER, stored + np.where(stored == _NO_TIME, 0, EPOCH_2000))
    return times


async def read_changes(connection: Connection, graph: MemoryGraph, changed: dict[Changed, list[int]]) -> Changes | None:
    """What became of what changed, in the connection's snapshot; None where it is too much."""
    jobs = set(changed.get(Changed.LINKS, ()))
    rows = await connection.fetch(_LINKS_OF_JOBS, list(jobs), MAX_LINKS + 1) if jobs else []
    if len(rows) > MAX_LINKS:
        return None
    assets = set(changed.get(Changed.ASSET, ()))
    assets |= _unknown(graph, {*jobs, *(key for row in rows for key in row[:3])})
    states = await _read_states(connection, assets) if assets else []
    return Changes(jobs, _stored(rows), states, changed.get(Changed.KIND, ()))


def _unknown(graph: MemoryGraph, assets: Collection[int]) -> set[int]:
    ids = np.array(list(assets), np.int64)
    return set(ids[graph.nodes.find_all(ids) < 0].tolist())


async def _read_states(connection: Connection, assets: Collection[int]) -> list[AssetState]:
    """Assets that are known to the store, with what they are shown as where that is another one."""
    rows = await connection.fetch(_STATES, list(assets))
    others = {row[3] for row in rows}.difference(row[0] for row in rows)
    if others:
        rows += await connection.fetch(_STATES, list(others))
    return [AssetState(key, AssetName(namespace, name), *rest) for key, namespace, name, *rest in rows]


def _stored(rows: Iterable[Any]) -> StoredLinks:
    columns = list(zip(*rows, strict=True)) or [()] * 6
    source, target, job = (np.array(column, np.int64) for column in columns[:3])
    since, until = (np.array([micros(time) for time in column], np.int64) for column in columns[3:5])
    return StoredLinks(source, target, job, since, until, np.array(columns[5], np.bool_))
