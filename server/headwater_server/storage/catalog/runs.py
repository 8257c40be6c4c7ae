"""Lists and tells runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...domain.assets import error_of, facet_map, tags_of
from ...domain.catalog import Run
from ...domain.catalog_places import RunPlace, RunQuery
from ...domain.model import RunState
from ..database import Connection, Record
from .names import get_jobs
from .run_datasets import RunSets, tell_datasets
from .run_events import get_details
from .writes import NEWEST

_COLUMNS = (
    "run_id, external_id, job_id, state, started_at, ended_at, nominal_start, nominal_end, parent_run_id, root_run_id,"
    " job_version_id"
)
_LIST = f"""
SELECT * FROM (
    SELECT {_COLUMNS} FROM runs WHERE {{parent}} = $1 AND (started_at, run_id) < ($2, $3)
    AND ($4::smallint[] IS NULL OR state = ANY($4)) ORDER BY started_at DESC FETCH FIRST $5 ROWS WITH TIES) AS listed
ORDER BY started_at DESC, run_id DESC LIMIT $5
"""
_GET = f"""
SELECT {_COLUMNS}, events_from, events_to, io_set_id, version_set_id FROM runs WHERE run_id = $1 LIMIT 1
"""
_LATEST = f"""
SELECT DISTINCT ON (job_id) {_COLUMNS} FROM unnest($1::bigint[]) AS asked (id)
CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM runs WHERE job_id = asked.id ORDER BY started_at DESC FETCH FIRST ROW WITH TIES) AS latest
ORDER BY job_id, started_at DESC, run_id DESC
"""


async def list_runs(connection: Connection, query: RunQuery, after: RunPlace | None, limit: int) -> list[Run]:
    """Runs past a place, the last started first, as far as lists tell of them."""
    parent = "parent_run_id" if isinstance(query.parent, uuid.UUID) else "job_id"
    time, run = after or NEWEST
    rows = await connection.fetch(
        _LIST.format(parent=parent), query.parent, time, run, list(query.states) or None, limit
    )
    return await _tell(connection, rows)


async def latest_runs(connection: Connection, jobs: Iterable[int]) -> dict[int, Run]:
    """The last run of each job, as far as lists tell of it."""
    rows = await connection.fetch(_LATEST, list(jobs))
    return {row["job_id"]: run for row, run in zip(rows, await _tell(connection, rows), strict=True)}


async def has_run(connection: Connection, run: uuid.UUID) -> bool:
    """Whether the run is known."""
    return await connection.fetchval("SELECT run_id FROM runs WHERE run_id = $1 LIMIT 1", run) is not None


async def get_run(connection: Connection, run: uuid.UUID) -> Run | None:
    """All of a run; None where it is not known."""
    row = await connection.fetchrow(_GET, run)
    if row is None:
        return None
    (found,) = await _tell(connection, [row])
    details = await get_details(connection, run, row["events_from"], row["events_to"])
    facets = facet_map(details.facets)
    sets = RunSets(run, row["job_id"], found.state, found.started, found.ended, row["io_set_id"], row["version_set_id"])
    datasets = await tell_datasets(connection, sets, details)
    return replace(
        found,
        error=error_of(facets),
        tags=tags_of(facets),
        facets=details.facets,
        inputs=datasets.inputs,
        outputs=datasets.outputs,
    )


async def _tell(connection: Connection, rows: Sequence[Record]) -> list[Run]:
    jobs = await get_jobs(connection, {row["job_id"] for row in rows})
    return [
        Run(
            run=row["run_id"],
            external_id=row["external_id"] or "",
            job=jobs[row["job_id"]].name,
            state=RunState(row["state"]),
            started=row["started_at"],
            ended=row["ended_at"],
            nominal_start=row["nominal_start"],
            nominal_end=row["nominal_end"],
            parent=row["parent_run_id"],
            root=row["root_run_id"],
            job_version=row["job_version_id"],
        )
        for row in rows
    ]
