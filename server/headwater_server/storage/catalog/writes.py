"""Which runs wrote a dataset, and which states they named."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select, tuple_

from ...domain.catalog_places import RunPlace
from ...domain.model import RunState
from ...domain.statement import Role
from ...domain.timeline import FOREVER
from ...domain.versions import Asked, WriteRecord
from ..database import Connection
from ..statements import Statement, among, constant, given
from ..tables import io_set_datasets, runs

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
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS asked (key, dataset_id, time)
JOIN io_set_datasets AS o ON o.dataset_id = asked.dataset_id AND o.role = 2
CROSS JOIN LATERAL (
    SELECT run_id, job_id, ended_at, version_set_id FROM runs
    WHERE io_set_id = o.io_set_id AND state = 3 AND ended_at <= asked.time
    ORDER BY ended_at DESC FETCH FIRST {{limit}} ROWS WITH TIES) AS last
JOIN version_sets AS v USING (version_set_id)
WHERE asked.dataset_id = ANY(v.outputs)
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
SELECT DISTINCT ON (key) key, asked.dataset_id, run_id, job_id, ended_at,
    {_STATE.format(dataset="asked.dataset_id")} AS state
FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) AS asked (key, dataset_id, run_id)
JOIN runs USING (run_id) JOIN io_set_datasets AS o USING (io_set_id, dataset_id)
LEFT JOIN version_sets AS v USING (version_set_id)
WHERE runs.state = 3 AND o.role = 2
ORDER BY key, state NULLS LAST, asked.dataset_id
"""
_COUNT = Statement(
    select(func.count())
    .select_from(runs)
    .where(
        runs.c.state == constant(RunState.SUCCEEDED),
        tuple_(runs.c.ended_at, runs.c.run_id) <= tuple_(given("time", runs.c.ended_at), given("run", runs.c.run_id)),
        runs.c.io_set_id.in_(
            select(io_set_datasets.c.io_set_id).where(
                among(io_set_datasets.c.dataset_id, "members"), io_set_datasets.c.role == constant(Role.OUTPUT)
            )
        ),
    )
)


async def last_writes(connection: Connection, asked: Mapping[int, Asked]) -> dict[int, WriteRecord]:
    """The last write of each dataset asked for, under the caller's keys."""
    rows = await connection.fetch(_LAST, *arrays(asked)) if asked else []
    return {row[0]: WriteRecord(*row[1:]) for row in rows}


async def last_naming_writes(connection: Connection, asked: Mapping[int, Asked]) -> dict[int, WriteRecord]:
    """The last write of each dataset asked for that named a state, under the caller's keys."""
    found = await _last_naming(connection, asked, FEW_UNNAMED)
    rest = {key: one for key, one in asked.items() if key not in found}
    while rest:
        latest = {one.members: key for key, one in sorted(rest.items(), key=_by_time)}
        records = await _last_naming(connection, {key: rest[key] for key in latest.values()}, MAX_UNNAMED)
        for key, one in list(rest.items()):
            record = records.get(latest[one.members])
            if record is None or record.time <= one.time:
                found |= {key: record} if record else {}
                del rest[key]
    return found


async def _last_naming(connection: Connection, asked: Mapping[int, Asked], limit: int) -> dict[int, WriteRecord]:
    rows = await connection.fetch(_LAST_NAMING.format(limit=limit), *arrays(asked)) if asked else []
    return {row[0]: WriteRecord(*row[1:]) for row in rows}


async def list_writes(
    connection: Connection, members: Iterable[int], after: RunPlace | None, limit: int
) -> list[WriteRecord]:
    """The writes of a dataset, newest first."""
    time, run = after or NEWEST
    return [WriteRecord(*row) for row in await connection.fetch(_LIST, list(members), time, run, limit)]


async def get_write(connection: Connection, members: Sequence[int], run: uuid.UUID) -> WriteRecord | None:
    """What a run did to a dataset; None where it did nothing to it, or did not succeed."""
    return (await get_writes(connection, {0: (members, run)})).get(0)


async def get_writes(
    connection: Connection, asked: Mapping[int, tuple[Sequence[int], uuid.UUID]]
) -> dict[int, WriteRecord]:
    """What runs did to datasets, each by the ids of all of its names, under the caller's keys."""
    rows = [(key, member, run) for key, (members, run) in asked.items() for member in members]
    found = await connection.fetch(_GET, *map(list, zip(*rows, strict=True))) if rows else []
    return {row[0]: WriteRecord(*row[1:]) for row in found}


async def count_writes(connection: Connection, members: Iterable[int], until: RunPlace) -> int:
    """How many writes of a dataset there are up to a key, that included."""
    count: int = await _COUNT.fetch_value(connection, members=list(members), time=until.time, run=until.run)
    return count


def arrays(asked: Mapping[int, Asked]) -> tuple[list[int], list[int], list[datetime]]:
    """What is asked as columns: the caller's key, a member and the time."""
    rows = [(key, member, one.time) for key, one in asked.items() for member in one.members]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def _by_time(item: tuple[int, Asked]) -> datetime:
    return item[1].time
