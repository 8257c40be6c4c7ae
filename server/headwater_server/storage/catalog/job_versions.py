"""Lists and finds the versions of jobs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, bindparam, select, tuple_

from ...domain.assets import code_location_of, sql_of
from ...domain.catalog import JobVersion
from ...domain.catalog_places import JobPlace, JobVersionPlace
from ...domain.timeline import FOREVER
from ..database import Connection
from ..statements import Statement, among, given
from ..tables import io_sets, job_versions
from .facets import get_contents
from .names import get_shown_names

MAX_SILENT = 20
"""How many of a job's last runs are searched for one that tells its version."""
_NEWEST = JobVersionPlace(FOREVER, 2**63 - 1)

_COLUMNS = "v.job_id, v.job_version_id, v.io_set_id, v.code_content_id, v.first_time"
_UNDISPUTED = select(
    job_versions.c.job_id,
    job_versions.c.job_version_id,
    job_versions.c.io_set_id,
    job_versions.c.code_content_id,
    job_versions.c.first_time,
).where(job_versions.c.job_id == given("job", job_versions.c.job_id), job_versions.c.disputed.is_(False))
_PLACE = (job_versions.c.first_time, job_versions.c.job_version_id)
_LIST = Statement(
    _UNDISPUTED.where(tuple_(*_PLACE) < tuple_(given("time", _PLACE[0]), given("version", _PLACE[1])))
    .order_by(*(column.desc() for column in _PLACE))
    .limit(bindparam("limit", type_=BigInteger))
)
_GET = Statement(_UNDISPUTED.where(job_versions.c.job_version_id == given("version", job_versions.c.job_version_id)))
_IO_SETS = Statement(
    select(io_sets.c.io_set_id, io_sets.c.inputs, io_sets.c.outputs).where(among(io_sets.c.io_set_id, "ids"))
)
_SETTLED = """
SELECT * FROM (
    SELECT v.job_id, v.job_version_id, v.io_set_id, v.code_content_id, LEAST(v.declared_first,
        (SELECT min(started_at) FROM runs AS r WHERE r.job_id = v.job_id AND r.job_version_id = v.job_version_id)
        ) AS first_time
    FROM job_versions AS v
    WHERE v.job_id = ANY($1::bigint[]) AND v.disputed AND ($2::bigint[] IS NULL OR v.job_version_id = ANY($2))
) AS settled WHERE first_time IS NOT NULL
"""
_IN_FORCE = f"""
SELECT DISTINCT ON (v.job_id) {_COLUMNS}, v.disputed, stated.rank = 0 AS is_old
FROM unnest($1::bigint[]) AS asked (id)
CROSS JOIN LATERAL (
    (SELECT started_at AS time, 1 AS rank, job_version_id FROM (
        SELECT started_at, run_id, job_version_id FROM runs WHERE job_id = asked.id
        ORDER BY started_at DESC FETCH FIRST {MAX_SILENT} ROWS WITH TIES) AS latest
    WHERE job_version_id IS NOT NULL ORDER BY started_at DESC, run_id DESC LIMIT 1)
    UNION ALL
    (SELECT declared_last, 2, job_version_id FROM job_versions
    WHERE job_id = asked.id AND declared_first IS NOT NULL
    ORDER BY declared_last DESC, declared_last_event DESC LIMIT 1)
    UNION ALL
    (SELECT first_time, 0, job_version_id FROM job_versions WHERE job_id = asked.id AND NOT disputed
    ORDER BY first_time DESC, job_version_id DESC LIMIT 1)) AS stated
JOIN job_versions AS v ON v.job_id = asked.id AND v.job_version_id = stated.job_version_id
ORDER BY v.job_id, stated.time DESC, stated.rank DESC
"""


class _Row(NamedTuple):
    job: int
    version: int
    io_set: int | None
    code: int | None
    time: datetime

    @property
    def place(self) -> JobVersionPlace:
        return JobVersionPlace(self.time, self.version)


async def versions_in_force(connection: Connection, jobs: Sequence[JobPlace]) -> dict[int, JobVersion]:
    """The version in force of each job, by the job's id: that of its last run, or what was last said without one."""
    found = await connection.fetch(_IN_FORCE, [job.id for job in jobs])
    rows = {row["job_id"]: _Row(*list(row)[:5]) for row in found}
    disputed = [rows[row["job_id"]] for row in found if row["disputed"]]
    for settled in await _settled(connection, {row.job for row in disputed}, [row.version for row in disputed]):
        if settled.version == rows[settled.job].version:
            rows[settled.job] = settled
    # Where the last runs say nothing, an older version is in force: a disputed one may be the last that somebody said.
    silent = {job.id for job in jobs} - {row["job_id"] for row in found if not row["is_old"]}
    for settled in await _settled(connection, silent):
        rows[settled.job] = max(rows.get(settled.job, settled), settled, key=lambda row: row.place)
    told = await _tell(connection, {job.id: job for job in jobs}, list(rows.values()))
    return dict(zip(rows, told, strict=True))


async def list_versions(
    connection: Connection, job: JobPlace, after: JobVersionPlace | None, limit: int
) -> list[tuple[JobVersionPlace, JobVersion]]:
    """The versions of a job past a place, newest first, with their places."""
    time, version = after or _NEWEST
    rows = [_Row(*row) for row in await _LIST.fetch(connection, job=job.id, time=time, version=version, limit=limit)]
    rows += [row for row in await _settled(connection, {job.id}) if row.place < (after or _NEWEST)]
    page = sorted(rows, key=lambda row: row.place, reverse=True)[:limit]
    told = await _tell(connection, {job.id: job}, page)
    return [(row.place, version) for row, version in zip(page, told, strict=True)]


async def get_version(connection: Connection, job: JobPlace, version: int) -> JobVersion | None:
    """A version of a job by its id; None where it has no such version."""
    rows = await _GET.fetch(connection, job=job.id, version=version)
    found = [_Row(*row) for row in rows] or await _settled(connection, [job.id], [version])
    told = await _tell(connection, {job.id: job}, found)
    return told[0] if told else None


async def _settled(
    connection: Connection, jobs: Collection[int], versions: Collection[int] | None = None
) -> list[_Row]:
    """The disputed versions of jobs, or those of `versions`, that somebody states, since the first that does now."""
    if not jobs:
        return []
    rows = await connection.fetch(_SETTLED, list(jobs), None if versions is None else list(versions))
    return [_Row(*row) for row in rows]


async def _tell(connection: Connection, jobs: Mapping[int, JobPlace], rows: Sequence[_Row]) -> list[JobVersion]:
    codes = await get_contents(connection, {row.code for row in rows if row.code is not None})
    used = await _io_sets(connection, {row.io_set for row in rows if row.io_set is not None})
    named = {dataset for inputs, outputs in used.values() for dataset in (*inputs, *outputs)}
    names = await get_shown_names(connection, named)
    told = []
    for row in rows:
        code = codes.get(row.code, {}) if row.code is not None else {}
        inputs, outputs = used.get(row.io_set, ((), ())) if row.io_set is not None else ((), ())
        told.append(
            JobVersion(
                job=jobs[row.job].name,
                version=row.version,
                code_location=code_location_of(code),
                sql=sql_of(code),
                inputs=tuple(sorted({names[dataset] for dataset in inputs})),
                outputs=tuple(sorted({names[dataset] for dataset in outputs})),
                time=row.time,
            )
        )
    return told


async def _io_sets(connection: Connection, asked: Iterable[int]) -> dict[int, tuple[Sequence[int], Sequence[int]]]:
    return {row[0]: (row[1], row[2]) for row in await _IO_SETS.fetch(connection, ids=list(asked))}
