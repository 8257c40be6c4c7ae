"""Which write each read of a run is bound to, for many runs at once.

A read is bound to the version that its run names, else to the last write that completed before the run started. A run
does not read what it writes itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ...domain.versions import State, WriteRecord
from ..database import Connection
from .disputes import settle_disputed
from .state_rows import COLUMNS, state_of


class Read(NamedTuple):
    """That a run reads a dataset: by all ids of its names, and by the version that the run names, if any."""

    run: uuid.UUID
    started: datetime
    members: tuple[int, ...]
    label: str | None


class Binding(NamedTuple):
    """What a read is bound to: the write, and the state that the run names, where there are such."""

    write: WriteRecord | None
    state: State | None = None


_STATE = "v.output_versions[array_position(v.outputs, asked.member)]"
_LAST = f"""
SELECT DISTINCT ON (key) key, asked.member, last.run_id, last.job_id, last.ended_at, {_STATE} AS state
FROM unnest($1::int[], $2::bigint[], $3::timestamptz[], $4::uuid[]) AS asked (key, member, time, reader)
JOIN io_set_datasets AS o ON o.dataset_id = asked.member AND o.role = 2
CROSS JOIN LATERAL (
    SELECT run_id, job_id, ended_at, version_set_id FROM runs
    WHERE io_set_id = o.io_set_id AND state = 3 AND ended_at <= asked.time AND run_id <> asked.reader
    ORDER BY ended_at DESC, run_id DESC LIMIT 1) AS last
LEFT JOIN version_sets AS v USING (version_set_id)
ORDER BY key, last.ended_at DESC, last.run_id DESC, state NULLS LAST, asked.member
"""
_NAMING = f"""
SELECT DISTINCT ON (key) key, asked.member, named.run_id, named.job_id, named.ended_at, named.state
FROM unnest($1::int[], $2::bigint[], $3::timestamptz[], $4::uuid[], $5::bigint[])
    AS asked (key, member, time, reader, state)
JOIN io_set_datasets AS o ON o.dataset_id = asked.member AND o.role = 2
CROSS JOIN LATERAL (
    SELECT run_id, job_id, ended_at, {_STATE} AS state FROM runs JOIN version_sets AS v USING (version_set_id)
    WHERE io_set_id = o.io_set_id AND runs.state = 3 AND run_id <> asked.reader
    AND asked.member = ANY(v.outputs) AND asked.state = ANY(v.output_versions)
    AND (ended_at <= asked.time) = {{before}} ORDER BY ended_at {{order}}, run_id {{order}} LIMIT 1) AS named
ORDER BY key, named.ended_at {{order}}, named.run_id {{order}}, asked.member
"""
_LABELLED = f"""
SELECT DISTINCT ON (key) key, {COLUMNS}
FROM unnest($1::int[], $2::bigint[], $3::text[]) AS asked (key, member, wanted)
JOIN dataset_versions ON dataset_id = member AND label = wanted AND NOT disputed
ORDER BY key, first_time DESC, version_id DESC
"""


async def bind_reads(connection: Connection, reads: Sequence[Read]) -> dict[int, Binding]:
    """What each read is bound to, by its place among those given; those that are bound to nothing are left out."""
    by_place = dict(enumerate(reads))
    labelled = {place: read for place, read in by_place.items() if read.label is not None}
    bound = await _bind_labelled(connection, labelled) if labelled else {}
    rest = {place: read for place, read in by_place.items() if read.label is None}
    rows = await connection.fetch(_LAST, *_columns(rest)) if rest else []
    return bound | {row[0]: Binding(WriteRecord(*row[1:])) for row in rows}


async def _bind_labelled(connection: Connection, reads: Mapping[int, Read]) -> dict[int, Binding]:
    """The last write before each run that left the named version behind, else the first after."""
    states = await _labelled(connection, reads)
    writes: dict[int, WriteRecord] = {}
    for before, order in (("true", "DESC"), ("false", "ASC")):
        rest = {place: reads[place] for place in states if place not in writes}
        if rest:
            versions = [states[place].version for place, read in rest.items() for _ in read.members]
            query = _NAMING.format(before=before, order=order)
            rows = await connection.fetch(query, *_columns(rest), versions)
            writes.update((row[0], WriteRecord(*row[1:])) for row in rows)
    return {place: Binding(writes.get(place), state) for place, state in states.items()}


async def _labelled(connection: Connection, reads: Mapping[int, Read]) -> dict[int, State]:
    """The newest state of each dataset read that has the label."""
    pairs = [(place, member) for place, read in reads.items() for member in read.members]
    labels = [reads[place].label for place, _ in pairs]
    rows = await connection.fetch(_LABELLED, [place for place, _ in pairs], [member for _, member in pairs], labels)
    states = {place: state_of(state) for place, *state in rows}
    for settled in await settle_disputed(connection, {member for _, member in pairs}):
        for place, member in pairs:
            if (settled.dataset, settled.label) == (member, reads[place].label):
                states[place] = max(states.get(place, settled), settled, key=lambda s: (s.time, s.version))
    return states


def _columns(reads: Mapping[int, Read]) -> tuple[list[int], list[int], list[datetime], list[uuid.UUID]]:
    rows: Iterable[tuple[int, int, datetime, uuid.UUID]] = [
        (place, member, read.started, read.run) for place, read in reads.items() for member in read.members
    ]
    return [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], [r[3] for r in rows]
