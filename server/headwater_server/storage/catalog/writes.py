"""Which runs wrote a dataset, and which states they named."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime

from ...domain.catalog_places import RunPlace
from ...domain.timeline import FOREVER
from ...domain.versions import Asked, WriteRecord
from ..database import Connection

FEW_UNNAMED, MAX_UNNAMED = 8, 200
"""How many writes in a row that name no state are passed over in search of one that does: at first, and at most."""
NEWEST = RunPlace(FOREVER, uuid.UUID(int=2**128 - 1))

_STATE = "v.output_versions[array_position(v.outputs, {dataset})]"
_LAST = f"""
SELECT DISTINCT ON (key) key, asked.dataset_id, last.run_id, last.job_id, last.ended_at,
    {_STATE.format(dataset="asked.dataset_id")} AS state
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS asked (key, dataset_id, time)
JOIN io_set_datasets AS o ON o.dataset_id = asked.dataset_id AND o.role = 2
CROSS JOIN LATERAL (
    SELECT run_id, job_id, ended_at, version_set_id FROM runs
    WHERE io_set_id = o.io_set_id AND state = 3 AND ended_at <= asked.time
    ORDER BY ended_at DESC FETCH FIRST ROW WITH TIES) AS last
LEFT JOIN version_sets AS v USING (version_set_id)
ORDER BY key, last.ended_at DESC, last.run_id DESC, state NULLS LAST, asked.dataset_id
"""
_LAST_NAMING = f"""
SELECT DISTINCT ON (key) key, asked.dataset_id, last.run_id, last.job_id, last.ended_at,
    {_STATE.format(dataset="asked.dataset_id")} AS state
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[]) AS asked (key, dataset_id, time, state)
JOIN io_set_datasets AS o ON o.dataset_id = asked.dataset_id AND o.role = 2
CROSS JOIN LATERAL (
    SELECT run_id, job_id, ended_at, version_set_id FROM runs
    WHERE io_set_id = o.io_set_id AND state = 3 AND ended_at <= asked.time
    ORDER BY ended_at DESC FETCH FIRST {{limit}} ROWS WITH TIES) AS last
JOIN version_sets AS v USING (version_set_id)
WHERE asked.dataset_id = ANY(v.outputs) AND (asked.state IS NULL OR asked.state = ANY(v.output_versions))
ORDER BY key, last.ended_at DESC, last.run_id DESC, state NULLS LAST, asked.dataset_id
"""
_LIST = f"""
SELECT DISTINCT ON (w.ended_at, w.run_id) o.dataset_id, w.run_id, w.job_id, w.ended_at,
    {_STATE.format(dataset="o.dataset_id")} AS state
FROM io_set_datasets AS o
CROSS JOIN LATERAL (
    SELECT run_id, job_id, ended_at, version_set_id FROM runs
    WHERE io_set_id = o.io_set_id AND state = 3 AND (ended_at, run_id) < ($2, $3)
    ORDER BY ended_at DESC FETCH FIRST $4 ROWS WITH TIES) AS w
LEFT JOIN version_sets AS v USING (version_set_id)
WHERE o.dataset_id = ANY($1::bigint[]) AND o.role = 2
ORDER BY w.ended_at DESC, w.run_id DESC, state NULLS LAST, o.dataset_id LIMIT $4
"""
_GET = f"""
SELECT o.dataset_id, run_id, job_id, ended_at, {_STATE.format(dataset="o.dataset_id")} AS state
FROM runs JOIN io_set_datasets AS o USING (io_set_id)
LEFT JOIN version_sets AS v USING (version_set_id)
WHERE run_id = $2 AND state = 3 AND o.dataset_id = ANY($1::bigint[]) AND o.role = 2
ORDER BY state NULLS LAST, o.dataset_id LIMIT 1
"""
_COUNT = """
SELECT count(*) FROM runs WHERE state = 3 AND (ended_at, run_id) <= ($2, $3) AND io_set_id IN (
    SELECT io_set_id FROM io_set_datasets WHERE dataset_id = ANY($1::bigint[]) AND role = 2)
"""


async def last_writes(connection: Connection, asked: Mapping[int, Asked]) -> dict[int, WriteRecord]:
    """The last write of each dataset asked for, under the caller's keys."""
    rows = await connection.fetch(_LAST, *arrays(asked)) if asked else []
    return {row[0]: WriteRecord(*row[1:]) for row in rows}


async def last_naming_writes(
    connection: Connection, asked: Mapping[int, Asked], states: Mapping[int, int] | None = None
) -> dict[int, WriteRecord]:
    """The last write of each dataset asked for that named a state, or the one of `states`; under the caller's keys."""
    found = await _last_naming(connection, asked, states, FEW_UNNAMED)
    rest = {key: one for key, one in asked.items() if key not in found}
    while rest:
        latest = {(one.members, states and states[key]): key for key, one in sorted(rest.items(), key=_by_time)}
        records = await _last_naming(connection, {key: rest[key] for key in latest.values()}, states, MAX_UNNAMED)
        for key, one in list(rest.items()):
            record = records.get(latest[one.members, states and states[key]])
            if record is None or record.time <= one.time:
                found |= {key: record} if record else {}
                del rest[key]
    return found


async def _last_naming(
    connection: Connection, asked: Mapping[int, Asked], states: Mapping[int, int] | None, limit: int
) -> dict[int, WriteRecord]:
    if not asked:
        return {}
    wanted = [states and states[key] for key, one in asked.items() for _ in one.members]
    rows = await connection.fetch(_LAST_NAMING.format(limit=limit), *arrays(asked), wanted)
    return {row[0]: WriteRecord(*row[1:]) for row in rows}


async def list_writes(
    connection: Connection, members: Iterable[int], after: RunPlace | None, limit: int
) -> list[WriteRecord]:
    """The writes of a dataset, newest first."""
    time, run = after or NEWEST
    return [WriteRecord(*row) for row in await connection.fetch(_LIST, list(members), time, run, limit)]


async def get_write(connection: Connection, members: Iterable[int], run: uuid.UUID) -> WriteRecord | None:
    """What a run did to a dataset; None where it did nothing to it, or did not succeed."""
    row = await connection.fetchrow(_GET, list(members), run)
    return WriteRecord(*row) if row else None


async def count_writes(connection: Connection, members: Iterable[int], until: RunPlace) -> int:
    """How many writes of a dataset there are up to a key, that included."""
    count: int = await connection.fetchval(_COUNT, list(members), until.time, until.run)
    return count


def arrays(asked: Mapping[int, Asked]) -> tuple[list[int], list[int], list[datetime]]:
    """What is asked as columns: the caller's key, a member and the time."""
    rows = [(key, member, one.time) for key, one in asked.items() for member in one.members]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def _by_time(item: tuple[int, Asked]) -> datetime:
    return item[1].time
