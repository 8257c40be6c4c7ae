"""Reads and writes runs as far as their events are merged."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

import asyncpg

from ...domain.batch import RunChange
from ...domain.ingest_ports import Conflict
from ...domain.run_merge import RunMerge
from ..database import Connection
from .kept_runs import COLUMNS, READ, row_of, run_of, uuid_time

_ROWS = "unnest(" + ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(COLUMNS.values(), start=1)) + ")"
_ADD_RUNS = f"INSERT INTO runs ({', '.join(COLUMNS)}) SELECT * FROM {_ROWS}"
_CHANGE_RUNS = (
    f"UPDATE runs SET {', '.join(f'{name} = new.{name}' for name in list(COLUMNS)[2:])}"
    f" FROM {_ROWS} AS new ({', '.join(COLUMNS)}) WHERE runs.run_id = new.run_id AND runs.created = new.created"
)
_GET_TIMED = f"""
SELECT {READ} FROM unnest($1::uuid[], $2::timestamptz[]) AS asked (run_id, created)
JOIN runs USING (run_id, created)
"""
_GET_UNTIMED = f"SELECT {READ} FROM runs WHERE run_id = ANY($1::uuid[])"


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
    return StoredRuns({row[0]: run_of(row) for row in rows}, {row[0]: row[1] for row in rows})


async def put_runs(connection: Connection, changes: Iterable[RunChange], created: dict[uuid.UUID, datetime]) -> None:
    """Writes runs as they are now. Raises Conflict where somebody else has just added one of those that are new.

    Only that can happen: whoever changes a run has locked the job that it was filed under.
    """
    new: list[tuple[object, ...]] = []
    known: list[tuple[object, ...]] = []
    for change in changes:
        filed = created.get(change.run)
        (new if filed is None else known).append(row_of(change, filed))
    if known:
        await connection.execute(_CHANGE_RUNS, *zip(*known, strict=True))
    if new:
        try:
            await connection.execute(_ADD_RUNS, *zip(*sorted(new, key=itemgetter(0)), strict=True))
        except asyncpg.UniqueViolationError as error:
            raise Conflict from error
