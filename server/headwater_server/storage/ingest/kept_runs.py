"""The form in which a run so far is kept: columns that are asked for, and one with the rest.

Most of what a run is merged by are stamps, and few of them differ: that of its START and that of its COMPLETE. So the
rest has each of them once, and speaks of them by their places.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from ...domain.batch import RunChange
from ...domain.model import RunState
from ...domain.run_merge import Contribution, Nominal, Reference, RunMerge, Stamp
from ...domain.statement import StatedLabel
from ...domain.times import micros_of, time_of
from ..database import Record

COLUMNS = {
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
"""What is written of a run, in this order, with its SQL types."""
READ = ", ".join(name for name in COLUMNS if name not in ("io_set_id", "version_set_id", "job_version_id"))
"""The columns that a run is read from again."""
NONE = -1
"""The place of a stamp that there is not."""
WHOLE = 0x9D
"""How `merge` begins where it was written up to revision 0004: it is all of the run."""


class Said(Struct, array_like=True, frozen=True):
    """A contribution."""

    stamp: int
    statement: int
    labels: tuple[StatedLabel, ...] = ()


class Rest(Struct, array_like=True, frozen=True):
    """What the other columns do not tell of a run. The times of stamps are after its start."""

    stamps: tuple[Stamp, ...]
    job: int
    state: int
    parent: int
    root: int
    root_job: int
    nominal: int
    said: tuple[Said, ...]
    muted: bool


_encode = msgspec.msgpack.Encoder().encode
_decode_whole = msgspec.msgpack.Decoder(RunMerge).decode
_decode_rest = msgspec.msgpack.Decoder(Rest).decode


def row_of(change: RunChange, created: datetime | None) -> tuple[object, ...]:
    """The row of a changed run; `created` is the time that it is filed under, None for a new one."""
    run, facts = change.after, change.facts
    started, ended, nominal, parent = run.started_at, run.ended_at, run.nominal, run.parent
    return (
        change.run,
        created or uuid_time(change.run) or started,
        run.job,
        run.external_id,
        run.state,
        started,
        ended,
        nominal and nominal.start,
        nominal and nominal.end,
        parent and parent.run,
        run.root and run.root.run,
        parent and parent.job,
        facts.io and facts.io.id,
        facts.versions and facts.versions.id,
        facts.job_state and facts.job_state.version,
        None if run.events_from == started else run.events_from,
        None if run.events_to == (ended or started) else run.events_to,
        _rest(run),
    )


def run_of(row: Record) -> RunMerge:
    """The run that was written as this row."""
    data, started_at = row["merge"], _aware(row["started_at"])
    if data[0] == WHOLE:
        return _decode_whole(data)
    rest, started = _decode_rest(data), micros_of(started_at)
    stamps = [Stamp(started + micros, finality, identity) for micros, finality, identity in rest.stamps]
    return RunMerge(
        stamps[rest.job],
        row["job_id"],
        started,
        _aware(row["events_from"] or started_at),
        _aware(row["events_to"] or row["ended_at"] or started_at),
        None if rest.state == NONE else stamps[rest.state],
        RunState(row["state"]),
        row["external_id"],
        None if rest.parent == NONE else Reference(stamps[rest.parent], row["parent_run_id"], row["parent_job_id"]),
        None if rest.root == NONE else Reference(stamps[rest.root], row["root_run_id"], rest.root_job),
        None if rest.nominal == NONE else Nominal(stamps[rest.nominal], row["nominal_start"], row["nominal_end"]),
        [Contribution(stamps[each.stamp], each.statement, each.labels) for each in rest.said],
        rest.muted,
    )


def uuid_time(run: uuid.UUID) -> datetime | None:
    """The time in a UUIDv7; None for another UUID."""
    if run.version != 7:
        return None
    try:
        return time_of((run.int >> 80) * 1000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


def _rest(run: RunMerge) -> bytes:
    places: dict[Stamp, int] = {}

    def place(stamp: Stamp | None) -> int:
        return NONE if stamp is None else places.setdefault(stamp, len(places))

    job, state = place(run.job_stamp), place(run.state_stamp)
    parent, root = (place(named.stamp if named else None) for named in (run.parent, run.root))
    nominal = place(run.nominal.stamp if run.nominal else None)
    said = [
        (place(each.stamp), each.statement, each.labels) if each.labels else (place(each.stamp), each.statement)
        for each in run.contributions
    ]
    stamps = [(micros - run.started, finality, identity) for micros, finality, identity in places]
    return _encode((stamps, job, state, parent, root, run.root.job if run.root else 0, nominal, said, run.muted))


def _aware(time: datetime) -> datetime:
    """The time with its zone; asyncpg gives infinity without one, which stands for the last or first of times."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)
