"""Reads and writes runs as far as their events are merged."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter

import asyncpg

from ...domain.batch import RunChange
from ...domain.ingest_ports import Conflict
from ...domain.run_merge import EPOCH, RunMerge, decode, encode
from ..database import Connection

_COLUMNS = {
    "run_id": "uuid",
    "created": "timestamptz",
    "job_id": "bigint",
    "external_id": "text",
    "state": "smallint",
    "started_at": "timestamptz",
    "ended_at": "timestamptz",
    "nominal_start": "timestamptz",
    "nominal_end": "timestamptz",
    "parent_run_id": "uuid",
    "root_run_id": "uuid",
    "parent_job_id": "bigint",
    "io_set_id": "bigint",
    "version_set_id": "bigint",
    "job_version_id": "bigint",
    "events_from": "timestamptz",
    "events_to": "timestamptz",
    "merge": "bytea",
}
_ROWS = "unnest(" + ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(_COLUMNS.values(), start=1)) + ")"
_ADD_RUNS = f"INSERT INTO runs ({', '.join(_COLUMNS)}) SELECT * FROM {_ROWS}"
_CHANGE_RUNS = (
    f"UPDATE runs SET {', '.join(f'{name} = new.{name}' for name in list(_COLUMNS)[2:])}"
    f" FROM {_ROWS} AS new ({', '.join(_COLUMNS)}) WHERE runs.run_id = new.run_id AND runs.created = new.created"
)
_GET_TIMED = """
SELECT run_id, created, merge FROM unnest($1::uuid[], $2::timestamptz[]) AS asked (run_id, created)
JOIN runs USING (run_id, created)
"""
_GET_UNTIMED = "SELECT run_id, created, merge FROM runs WHERE run_id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class StoredRuns:
    """Runs as they are stored, and under which time each is filed."""

    merges: dict[uuid.UUID, RunMerge]
    created: dict[uuid.UUID, datetime]


async def get_runs(connection: Connection, runs: Iterable[uuid.UUID]) -> StoredRuns:
    """Those of the runs that are stored."""
    times = {run: uuid_time(run) for run in runs}
    timed = [(run, time) for run, time in times.items() if time is not None]
    untimed = [run for run, time in times.items() if time is None]
    rows = []
    if timed:
        rows += await connection.fetch(_GET_TIMED, *map(list, zip(*timed, strict=True)))
    if untimed:
        rows += await connection.fetch(_GET_UNTIMED, untimed)
    return StoredRuns({row[0]: decode(row[2]) for row in rows}, {row[0]: row[1] for row in rows})


async def put_runs(connection: Connection, changes: Iterable[RunChange], created: dict[uuid.UUID, datetime]) -> None:
    """Writes runs as they are now. Raises Conflict where somebody else has just added one of those that are new.

    Only that can happen: whoever changes a run has locked the job that it was filed under.
    """
    new: list[tuple[object, ...]] = []
    known: list[tuple[object, ...]] = []
    for change in changes:
        filed = created.get(change.run)
        (new if filed is None else known).append(_row(change, filed))
    if known:
        await connection.execute(_CHANGE_RUNS, *zip(*known, strict=True))
    if new:
        try:
            await connection.execute(_ADD_RUNS, *zip(*sorted(new, key=itemgetter(0)), strict=True))
        except asyncpg.UniqueViolationError as error:
            raise Conflict from error


def uuid_time(run: uuid.UUID) -> datetime | None:
    """The time in a UUIDv7; None for another UUID."""
    if run.version != 7:
        return None
    try:
        return EPOCH + timedelta(milliseconds=run.int >> 80)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


def _row(change: RunChange, created: datetime | None) -> tuple[object, ...]:
    run, facts = change.after, change.facts
    started, nominal, parent = run.started_at, run.nominal, run.parent
    return (
        change.run,
        created or uuid_time(change.run) or started,
        run.job,
        run.external_id,
        run.state,
        started,
        run.ended_at,
        nominal and nominal.start,
        nominal and nominal.end,
        parent and parent.run,
        run.root and run.root.run,
        parent and parent.job,
        facts.io and facts.io.id,
        facts.versions and facts.versions.id,
        facts.job_state and facts.job_state.version,
        run.events_from,
        run.events_to,
        encode(run),
    )
