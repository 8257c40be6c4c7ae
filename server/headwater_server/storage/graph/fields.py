"""Reads all fields and the links between them into memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np

from ...domain.memory_fields import FieldGraph
from ...domain.memory_graph import Nodes
from ...domain.memory_links import FieldColumns, Ints, Longs, Marks, Texts, find_among, index_all, known_links
from ..database import Connection
from ..lineage.field_links import decode_transformations
from .copied import Column, Room, copy_numbers, copy_texts
from .reading import stored_times

FIELD_BYTES, LINK_BYTES = 32, 4
"""What a field takes beside its path and what is read of it, and a link beside its columns."""
_FIELDS = """
SELECT {columns} FROM fields JOIN (SELECT dataset_id FROM datasets UNION ALL SELECT job_id FROM jobs) AS known
USING (dataset_id) ORDER BY dataset_id, path
"""
_LINKS = "SELECT source_id, target_id, job_id, since, until, transformation_id FROM field_links"
_CHANGES = "SELECT transformation_id, is_direct, body FROM transformations ORDER BY transformation_id"
ENTRY_BYTES = 500
"""What a way to make a field of another takes."""


async def read_fields(connection: Connection, nodes: Nodes, room: Room) -> FieldGraph:
    """All fields, in the connection's snapshot, which `nodes` are of. Raises OutOfRoom."""
    columns = (Column("bigint"), Column("bigint", nodes.find_all), Column("integer"))
    query = _FIELDS.format(columns="field_id, dataset_id, octet_length(path)")
    ids, datasets, lengths = await copy_numbers(connection, query, columns, room)
    room.take(FIELD_BYTES * len(ids))
    paths = await copy_texts(connection, _FIELDS.format(columns="path"), lengths, room)
    rows = await connection.fetch(_CHANGES)
    room.take(ENTRY_BYTES * len(rows))
    changes = np.array([row[0] for row in rows], np.int64)
    end = Column("bigint", _places_in(ids))
    time, change = Column("bigint", stored_times), Column("bigint", _places_in(changes))
    found = await copy_numbers(
        connection, _LINKS, (end, end, Column("bigint", nodes.find_all), time, time, change), room
    )
    room.take(LINK_BYTES * len(found[0]))
    links = known_links(FieldColumns.of(found))
    return FieldGraph(
        datasets,
        Texts(paths, np.cumsum(lengths, dtype=np.int64)),
        lengths == 0,
        await asyncio.to_thread(index_all, links, len(ids)),
        [tuple(sorted(set(decode_transformations(row[2])))) for row in rows],
        np.array([row[1] for row in rows], np.bool_),
        Marks(len(ids)),
    )


def _places_in(ids: Longs) -> Callable[[Any], Ints]:
    """Tells the places of some of these ids; -1 where it is none of them."""
    order = np.argsort(ids).astype(np.int32)
    ordered = ids.take(order)

    def places(some: Any) -> Ints:
        rows = find_among(some, ordered)
        return np.where(rows < 0, rows, order.take(rows, mode="clip")) if len(order) else rows

    return places
