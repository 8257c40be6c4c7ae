"""The states that datasets were in: which is in force at a time, and which are versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from ...domain.batch import VersionSource
from ...domain.catalog import DatasetVersion
from ...domain.catalog_places import DatasetSet
from ...domain.model import SchemaField
from ...domain.versions import Asked, State, in_force, stated_state
from ..compression import decompress
from ..database import Connection
from .facets import get_contents
from .writes import arrays, last_naming_writes, last_writes

MAX_STATEMENTS = 20
"""How many of the last statements about a dataset are searched for one that states a version."""

COLUMNS = "dataset_id, version_id, schema_id, label, first_time, run_id, source"
_GET = f"""
SELECT {COLUMNS} FROM unnest($1::bigint[], $2::bigint[]) AS asked (dataset_id, version_id)
JOIN dataset_versions USING (dataset_id, version_id)
"""
_FLAGS = """
SELECT dataset_id,
    EXISTS (SELECT FROM dataset_versions AS v WHERE v.dataset_id = asked.dataset_id AND source < 3),
    EXISTS (SELECT FROM dataset_versions AS v WHERE v.dataset_id = asked.dataset_id AND source = 3),
    EXISTS (SELECT FROM statement_assets AS s WHERE s.asset_id = asked.dataset_id AND role = 3)
FROM unnest($1::bigint[]) AS asked (dataset_id)
"""
_SUBJECT_STATEMENTS = f"""
SELECT key, asked.dataset_id, said.*
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS asked (key, dataset_id, time)
CROSS JOIN LATERAL (
    SELECT content_id, CASE WHEN last_time <= asked.time THEN last_time ELSE first_time END AS time
    FROM statement_assets JOIN statements USING (statement_id)
    WHERE asset_id = asked.dataset_id AND role = 3 AND first_time <= asked.time
    ORDER BY time DESC, last_identity DESC LIMIT {MAX_STATEMENTS}) AS said
ORDER BY key, said.time DESC
"""
_LATEST = f"""
SELECT DISTINCT ON (key) key, latest.*
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS asked (key, dataset_id, time)
CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM dataset_versions AS v
    WHERE v.dataset_id = asked.dataset_id AND first_time <= asked.time AND (source = 3) = $4
    ORDER BY first_time DESC, version_id DESC LIMIT 1) AS latest
ORDER BY key, latest.first_time DESC, latest.version_id DESC
"""
_LAST_SCHEMA = """
SELECT key, latest.schema_id
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::boolean[]) AS asked (key, dataset_id, time, by_reader)
CROSS JOIN LATERAL (
    SELECT schema_id FROM dataset_versions AS v
    WHERE v.dataset_id = asked.dataset_id AND first_time <= asked.time AND schema_id IS NOT NULL
    AND (source = 3) = asked.by_reader
    ORDER BY first_time DESC, version_id DESC LIMIT 1) AS latest
"""
_schema_decoder = msgspec.msgpack.Decoder(list[tuple[str, str, str, int]])


class _Flags(NamedTuple):
    """What there is to know of a dataset's states: stated by a write or an event, by a reader; events about it."""

    is_stated: bool
    is_read: bool
    has_events: bool


def state_of(row: Iterable[Any]) -> State:
    """A row of `dataset_versions` in the order of `COLUMNS`."""
    dataset, version, schema, label, time, run, source = row
    return State(dataset, version, schema, label, time, run, VersionSource(source))


async def get_states(connection: Connection, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], State]:
    """States by the dataset that they were stated of and the version."""
    asked = list(set(pairs))
    rows = await connection.fetch(_GET, [pair[0] for pair in asked], [pair[1] for pair in asked])
    return {(row[0], row[1]): state_of(row) for row in rows}


async def states_in_force(connection: Connection, asked: Mapping[int, Asked]) -> dict[int, State]:
    """The state in force of each dataset and time asked for, under the caller's keys."""
    members = {member for one in asked.values() for member in one.members}
    flags = {row[0]: _Flags(*row[1:]) for row in await connection.fetch(_FLAGS, list(members))}
    own = {key: one for key, one in asked.items() if any(flags[member].is_stated for member in one.members)}
    events = {key: one for key, one in own.items() if any(flags[member].has_events for member in one.members)}
    read = {key: one for key, one in asked.items() if any(flags[member].is_read for member in one.members)}
    writes = await last_writes(connection, own)
    unnamed = {key: own[key] for key, write in writes.items() if write.state is None}
    writes |= await last_naming_writes(connection, unnamed)
    stated = await _last_stated(connection, events)
    pairs = {key: pair for key in own if (pair := in_force(writes.get(key), stated.get(key)))}
    states = await get_states(connection, pairs.values())
    found = {key: states[pair] for key, pair in pairs.items() if pair in states}
    older = {key: one for key, one in own.items() if key not in found}
    found.update(await _latest(connection, older, by_reader=False))
    only_read = {key: one for key, one in read.items() if key not in own}
    return found | await _latest(connection, only_read, by_reader=True)


async def get_fields(connection: Connection, states: Mapping[int, State]) -> dict[int, tuple[SchemaField, ...]]:
    """The fields of states, under the caller's keys; a state without a schema has those of the one before it."""
    schemas = {key: state.schema for key, state in states.items() if state.schema is not None}
    rest = {key: state for key, state in states.items() if key not in schemas}
    if rest:
        columns = [(key, s.dataset, s.time, s.source is VersionSource.READER) for key, s in rest.items()]
        rows = await connection.fetch(_LAST_SCHEMA, *map(list, zip(*columns, strict=True)))
        schemas.update((row[0], row[1]) for row in rows)
    rows = await connection.fetch(
        "SELECT schema_id, body FROM schemas WHERE schema_id = ANY($1::bigint[])", list(set(schemas.values()))
    )
    fields = {row[0]: tuple(SchemaField(*f) for f in _schema_decoder.decode(decompress(row[1]))) for row in rows}
    return {key: fields.get(schemas[key], ()) if key in schemas else () for key in states}


def version_of(dataset: DatasetSet, state: State, fields: tuple[SchemaField, ...], ordinal: int = 0) -> DatasetVersion:
    """A state as a version."""
    return DatasetVersion(dataset.name, state.version, state.label or "", fields, state.time, state.run, ordinal)


async def _last_stated(connection: Connection, asked: Mapping[int, Asked]) -> dict[int, State]:
    """The states that DatasetEvents stated last."""
    if not asked:
        return {}
    rows = await connection.fetch(_SUBJECT_STATEMENTS, *arrays(asked))
    contents = await get_contents(connection, {row[2] for row in rows})
    found: dict[int, State] = {}
    for key, dataset, content, time in rows:
        if key not in found:
            state = stated_state(dataset, contents.get(content, {}), time, VersionSource.DATASET_EVENT)
            found |= {key: state} if state else {}
    return found


async def _latest(connection: Connection, asked: Mapping[int, Asked], *, by_reader: bool) -> dict[int, State]:
    """The states that are newest by the time at which they were first seen."""
    if not asked:
        return {}
    rows = await connection.fetch(_LATEST, *arrays(asked), by_reader)
    return {key: state_of(state) for key, *state in rows}
