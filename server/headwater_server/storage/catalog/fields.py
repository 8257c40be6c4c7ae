"""The fields of states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import select

from ...domain.batch import VersionSource
from ...domain.model import SchemaField
from ...domain.versions import State
from ..compression import decompress
from ..database import Connection
from ..statements import Statement, among
from ..tables import schemas

_SCHEMAS = Statement(select(schemas.c.schema_id, schemas.c.body).where(among(schemas.c.schema_id, "ids")))
_LAST_SCHEMA = """
SELECT DISTINCT ON (key) key, latest.first_time, latest.schema_id
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::boolean[]) AS asked (key, dataset_id, time, by_reader)
CROSS JOIN LATERAL (
    SELECT schema_id, first_time, version_id FROM dataset_versions AS v
    WHERE v.dataset_id = asked.dataset_id AND first_time <= asked.time AND schema_id IS NOT NULL AND NOT disputed
    AND (source = 3) = asked.by_reader
    ORDER BY first_time DESC FETCH FIRST ROW WITH TIES) AS latest
ORDER BY key, latest.first_time DESC, latest.version_id DESC
"""
_decoder = msgspec.msgpack.Decoder(list[tuple[str, str, str, int]])


@dataclass(frozen=True, slots=True)
class Stated:
    """A state of a dataset, given by the ids of all of its names, and when it was stated."""

    members: Sequence[int]
    state: State
    time: datetime


async def get_fields(
    connection: Connection, stated: Mapping[int, Stated], settled: Iterable[State]
) -> dict[int, tuple[SchemaField, ...]]:
    """The fields of states, under the caller's keys; a state without a schema has those of the one before it.

    `settled` are the disputed states of these datasets that hold.
    """
    found = {key: one.state.schema for key, one in stated.items() if one.state.schema is not None}
    found |= await _earlier(connection, {key: one for key, one in stated.items() if key not in found}, settled)
    rows = await _SCHEMAS.fetch(connection, ids=list(set(found.values())))
    fields = {row[0]: tuple(SchemaField(*f) for f in _decoder.decode(decompress(row[1]))) for row in rows}
    return {key: fields.get(found[key], ()) if key in found else () for key in stated}


async def _earlier(connection: Connection, stated: Mapping[int, Stated], settled: Iterable[State]) -> dict[int, int]:
    """The schemas that were in force before states without one."""
    if not stated:
        return {}
    columns = [
        (key, member, one.time, one.state.source is VersionSource.READER)
        for key, one in stated.items()
        for member in one.members
    ]
    rows = await connection.fetch(_LAST_SCHEMA, *map(list, zip(*columns, strict=True)))
    found = {row[0]: (row[1], row[2]) for row in rows}
    for state in settled:
        for key, one in stated.items():
            is_earlier = state.schema is not None and state.time <= one.time
            if is_earlier and state.dataset in one.members and (key not in found or state.time >= found[key][0]):
                found[key] = (state.time, state.schema)
    return {key: schema for key, (_, schema) in found.items()}
