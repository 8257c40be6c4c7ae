"""Lists and finds the versions of jobs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ...domain.assets import code_location_of, sql_of
from ...domain.catalog import JobVersion
from ...domain.catalog_places import JobPlace, JobVersionPlace
from ...domain.timeline import FOREVER
from ..database import Connection
from .facets import get_contents
from .names import get_shown_names

MAX_SILENT = 20
"""How many of a job's last runs are searched for one that tells its version."""
_NEWEST = JobVersionPlace(FOREVER, 2**63 - 1)

_COLUMNS = "v.job_id, v.job_version_id, v.io_set_id, v.code_content_id, v.first_time"
_LIST = f"""
SELECT {_COLUMNS} FROM job_versions AS v WHERE job_id = $1 AND NOT disputed AND (first_time, job_version_id) < ($2, $3)
ORDER BY first_time DESC, job_version_id DESC LIMIT $4
"""
_SETTLED = """
SELECT * FROM (
    SELECT v.job_id, v.job_version_id, v.io_set_id, v.code_content_id, LEAST(
        (SELECT min(started_at) FROM runs AS r WHERE r.job_id = v.job_id AND r.job_version_id = v.job_version_id),
        (SELECT min(time) FROM declarations AS d WHERE d.job_id = v.job_id AND d.io_set_id = v.io_set_id)) AS first_time
    FROM job_versions AS v WHERE v.job_id = ANY($1::bigint[]) AND v.disputed) AS settled
WHERE first_time IS NOT NULL
"""
_IN_FORCE = f"""
SELECT DISTINCT ON (v.job_id) {_COLUMNS}, v.disputed
FROM unnest($1::bigint[]) AS asked (id)
CROSS JOIN LATERAL (
    (SELECT started_at AS time, 1 AS rank, job_version_id FROM (
        SELECT started_at, run_id, job_version_id FROM runs WHERE job_id = asked.id
        ORDER BY started_at DESC FETCH FIRST {MAX_SILENT} ROWS WITH TIES) AS latest
    WHERE job_version_id IS NOT NULL ORDER BY started_at DESC, run_id DESC LIMIT 1)
    UNION ALL
    (SELECT d.time, 2, declared.job_version_id FROM declarations AS d
    JOIN job_versions AS declared ON declared.job_id = d.job_id AND declared.io_set_id = d.io_set_id
    WHERE d.job_id = asked.id ORDER BY d.time DESC, d.event_id DESC, declared.first_time DESC LIMIT 1)
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
    settled = await _settled(connection, {row["job_id"] for row in found if row["disputed"]})
    by_version = {(row.job, row.version): row for row in settled}
    rows = [by_version.get((row[0], row[1]), _Row(*row[:5])) for row in map(tuple, found)]
    told = await _tell(connection, {job.id: job for job in jobs}, rows)
    return {row.job: version for row, version in zip(rows, told, strict=True)}


async def list_versions(
    connection: Connection, job: JobPlace, after: JobVersionPlace | None, limit: int
) -> list[tuple[JobVersionPlace, JobVersion]]:
    """The versions of a job past a place, newest first, with their places."""
    time, version = after or _NEWEST
    rows = [_Row(*row) for row in await connection.fetch(_LIST, job.id, time, version, limit)]
    rows += [row for row in await _settled(connection, {job.id}) if row.place < (after or _NEWEST)]
    page = sorted(rows, key=lambda row: row.place, reverse=True)[:limit]
    told = await _tell(connection, {job.id: job}, page)
    return [(row.place, version) for row, version in zip(page, told, strict=True)]


async def get_version(connection: Connection, job: JobPlace, version: int) -> JobVersion | None:
    """A version of a job by its id; None where it has no such version."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM job_versions AS v WHERE job_id = $1 AND job_version_id = $2 AND NOT disputed",
        job.id,
        version,
    )
    found = [_Row(*row) for row in rows] or [
        row for row in await _settled(connection, {job.id}) if row.version == version
    ]
    told = await _tell(connection, {job.id: job}, found)
    return told[0] if told else None


async def _settled(connection: Connection, jobs: Collection[int]) -> list[_Row]:
    """The disputed versions that a run or a declaration has, since the first one that has them now."""
    return [_Row(*row) for row in await connection.fetch(_SETTLED, list(jobs))] if jobs else []


async def _tell(connection: Connection, jobs: Mapping[int, JobPlace], rows: Sequence[_Row]) -> list[JobVersion]:
    codes = await get_contents(connection, {row.code for row in rows if row.code is not None})
    io_sets = await _io_sets(connection, {row.io_set for row in rows if row.io_set is not None})
    named = {dataset for inputs, outputs in io_sets.values() for dataset in (*inputs, *outputs)}
    names = await get_shown_names(connection, named)
    told = []
    for row in rows:
        code = codes.get(row.code, {}) if row.code is not None else {}
        inputs, outputs = io_sets.get(row.io_set, ((), ())) if row.io_set is not None else ((), ())
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


async def _io_sets(connection: Connection, io_sets: Iterable[int]) -> dict[int, tuple[Sequence[int], Sequence[int]]]:
    rows = await connection.fetch(
        "SELECT io_set_id, inputs, outputs FROM io_sets WHERE io_set_id = ANY($1::bigint[])", list(io_sets)
    )
    return {row[0]: (row[1], row[2]) for row in rows}
