"""Lists and tells runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, exists, select, tuple_

from ...domain.assets import error_of, facet_map, tags_of
from ...domain.catalog import Run
from ...domain.catalog_places import RunPlace, RunQuery
from ...domain.model import RunState
from ..database import Connection, Record
from ..statements import Statement, among, constant, given
from ..tables import EVENTS_FROM, EVENTS_TO, runs
from .names import get_jobs
from .run_datasets import RunSets, tell_datasets
from .run_events import get_details, get_senders
from .writes import NEWEST

_COLUMNS = (
    runs.c.run_id,
    runs.c.external_id,
    runs.c.job_id,
    runs.c.state,
    runs.c.started_at,
    runs.c.ended_at,
    runs.c.nominal_start,
    runs.c.nominal_end,
    runs.c.parent_run_id,
    runs.c.root_run_id,
    runs.c.job_version_id,
)
_GET = Statement(
    select(*_COLUMNS, EVENTS_FROM, EVENTS_TO, runs.c.io_set_id, runs.c.version_set_id)
    .where(runs.c.run_id == given("run", runs.c.run_id))
    .limit(constant(1))
)
_HAS = Statement(select(exists().where(runs.c.run_id == given("run", runs.c.run_id))))
_NAMES = ", ".join(column.name for column in _COLUMNS)
_LATEST = f"""
SELECT DISTINCT ON (job_id) {_NAMES} FROM unnest($1::bigint[]) AS asked (id)
CROSS JOIN LATERAL (
    SELECT {_NAMES} FROM runs WHERE job_id = asked.id ORDER BY started_at DESC FETCH FIRST ROW WITH TIES) AS latest
ORDER BY job_id, started_at DESC, run_id DESC
"""


@cache
def _list(parent: ColumnElement[Any], *, by_state: bool) -> Statement:
    """The runs that a job had or that a run started; WITH TIES lets the index, which knows no run ids, give them."""
    place = tuple_(runs.c.started_at, runs.c.run_id)
    tests = [
        parent == given("parent", parent),
        place < tuple_(given("time", runs.c.started_at), given("run", runs.c.run_id)),
    ]
    if by_state:
        tests.append(among(runs.c.state, "states"))
    limit = bindparam("limit", type_=BigInteger)
    found = select(*_COLUMNS).where(*tests).order_by(runs.c.started_at.desc()).fetch(limit, with_ties=True)
    listed = found.subquery("listed")
    return Statement(select(listed).order_by(listed.c.started_at.desc(), listed.c.run_id.desc()).limit(limit))


async def list_runs(connection: Connection, query: RunQuery, after: RunPlace | None, limit: int) -> list[Run]:
    """Runs past a place, the last started first, as far as lists tell of them."""
    parent = runs.c.parent_run_id if isinstance(query.parent, uuid.UUID) else runs.c.job_id
    time, run = after or NEWEST
    listed = _list(parent, by_state=bool(query.states))
    rows = await listed.fetch(
        connection, parent=query.parent, time=time, run=run, states=list(query.states), limit=limit
    )
    return await _tell(connection, rows)


async def latest_runs(connection: Connection, jobs: Iterable[int]) -> dict[int, Run]:
    """The last run of each job, as far as lists tell of it."""
    rows = await connection.fetch(_LATEST, list(jobs))
    return {row["job_id"]: run for row, run in zip(rows, await _tell(connection, rows), strict=True)}


async def has_run(connection: Connection, run: uuid.UUID) -> bool:
    """Whether the run is known."""
    return bool(await _HAS.fetch_value(connection, run=run))


async def get_run(connection: Connection, run: uuid.UUID) -> Run | None:
    """All of a run; None where it is not known."""
    row = await _GET.fetch_row(connection, run=run)
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
        senders=await get_senders(connection, run, row["events_from"], row["events_to"]),
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
