"""The states of datasets that were in force at times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ...domain.batch import VersionSource
from ...domain.versions import Asked, State, WriteRecord, in_force, stated_state
from ..database import Connection
from .disputes import settle_disputed
from .facets import get_contents
from .state_rows import COLUMNS, get_states, state_of
from .writes import arrays, last_naming_writes, last_writes

MAX_STATEMENTS = 20
"""How many of the last statements about a dataset are searched for one that states a version."""

_FLAGS = """
SELECT dataset_id,
    is_stated,
    NOT is_stated AND EXISTS (SELECT FROM dataset_versions AS v WHERE v.dataset_id = asked.dataset_id AND source = 3),
    EXISTS (SELECT FROM statement_assets AS s WHERE s.asset_id = asked.dataset_id AND role = 3)
FROM unnest($1::bigint[]) AS asked (dataset_id)
CROSS JOIN LATERAL (
    SELECT EXISTS (
        SELECT FROM dataset_versions AS v WHERE v.dataset_id = asked.dataset_id AND source < 3 AND NOT disputed
    ) AS is_stated OFFSET 0) AS known
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
    WHERE v.dataset_id = asked.dataset_id AND first_time <= asked.time AND (source = 3) = $4 AND NOT disputed
    ORDER BY first_time DESC FETCH FIRST ROW WITH TIES) AS latest
ORDER BY key, latest.first_time DESC, latest.version_id DESC
"""


class _Flags(NamedTuple):
    """What there is to know of a dataset's states: whether any is stated by a write or an event, else by a reader; and
    whether there are events about it.
    """

    is_stated: bool
    is_read: bool
    has_events: bool


async def states_in_force(
    connection: Connection,
    asked: Mapping[int, Asked],
    last: Mapping[int, WriteRecord] | None = None,
    settled: Sequence[State] | None = None,
) -> dict[int, State]:
    """The state in force of each dataset and time asked for, under the caller's keys.

    `last` are the last writes, and `settled` the disputed states of these datasets, where these are known.
    """
    if not asked:
        return {}
    members = {member for one in asked.values() for member in one.members}
    if settled is None:
        settled = await settle_disputed(connection, members)
    flags = {row[0]: _Flags(*row[1:]) for row in await connection.fetch(_FLAGS, list(members))}
    stated = {member for member, known in flags.items() if known.is_stated}
    stated |= {state.dataset for state in settled if state.source is not VersionSource.READER}
    own = {key: one for key, one in asked.items() if stated.intersection(one.members)}
    events = {key: one for key, one in own.items() if any(flags[member].has_events for member in one.members)}
    found = await _in_force(connection, own, events, last)
    older = {key: one for key, one in own.items() if key not in found}
    found |= await _latest(connection, older, settled, by_reader=False)
    read = {member for member, known in flags.items() if known.is_read}
    read |= {state.dataset for state in settled if state.source is VersionSource.READER}
    only_read = {key: one for key, one in asked.items() if key not in own and read.intersection(one.members)}
    found |= await _latest(connection, only_read, settled, by_reader=True)
    now = {(state.dataset, state.version): state for state in settled}
    return {key: now.get((state.dataset, state.version), state) for key, state in found.items()}


async def get_event_subjects(connection: Connection, datasets: Iterable[int]) -> set[int]:
    """Those of the datasets that DatasetEvents spoke of."""
    rows = await connection.fetch(
        "SELECT asset_id FROM unnest($1::bigint[]) AS asked (asset_id)"
        " WHERE EXISTS (SELECT FROM statement_assets AS s WHERE s.asset_id = asked.asset_id AND role = 3)",
        list(set(datasets)),
    )
    return {row[0] for row in rows}


async def _in_force(
    connection: Connection,
    own: Mapping[int, Asked],
    events: Mapping[int, Asked],
    last: Mapping[int, WriteRecord] | None,
) -> dict[int, State]:
    """The states that the last writes to name one, or later events, left datasets in."""
    writes = dict(last) if last is not None else await last_writes(connection, own)
    unnamed = {key: one for key, one in own.items() if key in writes and writes[key].state is None}
    writes |= await last_naming_writes(connection, unnamed)
    stated = await _last_stated(connection, events)
    pairs = {key: pair for key in own if (pair := in_force(writes.get(key), stated.get(key)))}
    states = await get_states(connection, pairs.values())
    return {key: states[pair] for key, pair in pairs.items() if pair in states}


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


async def _latest(
    connection: Connection, asked: Mapping[int, Asked], settled: Sequence[State], *, by_reader: bool
) -> dict[int, State]:
    """The states that are newest by the time at which they were first seen."""
    if not asked:
        return {}
    rows = await connection.fetch(_LATEST, *arrays(asked), by_reader)
    found = {key: state_of(state) for key, *state in rows}
    for state in settled:
        for key, one in asked.items():
            is_known = state.dataset in one.members and state.time <= one.time
            if is_known and (state.source is VersionSource.READER) is by_reader:
                found[key] = max(found.get(key, state), state, key=lambda s: (s.time, s.version))
    return found
