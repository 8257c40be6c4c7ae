"""Reads and writes runs as far as their events are merged."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ...domain.batch import RunChange
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
_PUT_RUNS = (
    f"INSERT INTO runs ({', '.join(_COLUMNS)}) SELECT * FROM unnest("
    + ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(_COLUMNS.values(), start=1))
    + ") ORDER BY 1, 2 ON CONFLICT (run_id, created) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in list(_COLUMNS)[2:])
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
    """Writes runs as they are now."""
    rows = [_row(change, created.get(change.run)) for change in changes]
    if rows:
        await connection.execute(_PUT_RUNS, *map(list, zip(*rows, strict=True)))


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
    return (
        change.run,
        created or uuid_time(change.run) or run.started_at,
        run.job,
        run.external_id,
        run.state,
        run.started_at,
        run.ended_at,
        run.nominal.start if run.nominal else None,
        run.nominal.end if run.nominal else None,
        run.parent.run if run.parent else None,
        run.root.run if run.root else None,
        run.parent.job if run.parent else None,
        facts.io.id if facts.io else None,
        facts.versions.id if facts.versions else None,
        facts.job_state.version if facts.job_state else None,
        run.events_from,
        run.events_to,
        encode(run),
    )
