"""One run out of its events: whatever order they come in, and however often, the run is the same.

What events say of a run is merged by the key of each event (see `OrderKey`): of two values, that of the greater key
holds. A `RunMerge` is what has to be remembered of the events so far to merge a further one.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from .event import Event
from .model import OrderKey, RunState
from .statement import StatedLabel
from .times import micros_of, time_of


class Stamp(NamedTuple):
    """An OrderKey as it is kept: the time in microseconds since 1970."""

    micros: int
    finality: int
    identity: bytes


class Contribution(Struct, array_like=True, frozen=True):
    """What one or more events state of a run's datasets and code, under the greatest key that stated it."""

    stamp: Stamp
    statement: int
    labels: tuple[StatedLabel, ...] = ()

    def supersedes(self, other: Contribution) -> bool:
        """Whether the other adds nothing to this one: it says the same, earlier."""
        if self.statement != other.statement or self.stamp < other.stamp:
            return False
        return self.labels == other.labels or self._labelled() == other._labelled()

    def _labelled(self) -> set[tuple[int, int]]:
        return {(label.role, label.dataset) for label in self.labels}


class Reference(Struct, array_like=True, frozen=True):
    """A parent or root run: its id and its job's."""

    stamp: Stamp
    run: uuid.UUID
    job: int


class Nominal(Struct, array_like=True, frozen=True):
    """The interval that the run was scheduled for."""

    stamp: Stamp
    start: datetime | None
    end: datetime | None


class RunMerge(Struct, array_like=True):
    """A run so far.

    `started` is in microseconds since 1970; `events_from` and `events_to` bound the events' own times. `muted` says
    that inputs and outputs that were declared do not count any more; see `run_reports`.
    """

    job_stamp: Stamp
    job: int
    started: int
    events_from: datetime
    events_to: datetime
    state_stamp: Stamp | None = None
    state: RunState = RunState.UNKNOWN
    external_id: str | None = None
    parent: Reference | None = None
    root: Reference | None = None
    nominal: Nominal | None = None
    contributions: list[Contribution] = []
    muted: bool = False

    @property
    def started_at(self) -> datetime:
        """The time of the run's first event."""
        return time_of(self.started)

    @property
    def ended_at(self) -> datetime | None:
        """When the run ended; None while it runs."""
        if self.state_stamp is None or self.state < RunState.SUCCEEDED:
            return None
        return time_of(self.state_stamp.micros)


def merge_event(run: RunMerge | None, event: Event) -> RunMerge:
    """The run with one event more."""
    statement = event.statement
    assert statement.job is not None
    stamp, job, time = stamp_of(event.key), statement.job.id, event.event_time
    if run is None:
        run = RunMerge(stamp, job, stamp.micros, time, time)
    else:
        if stamp > run.job_stamp:
            run.job_stamp, run.job = stamp, job
        if stamp.micros < run.started:
            run.started = stamp.micros
        if time < run.events_from:
            run.events_from = time
        elif time > run.events_to:
            run.events_to = time
    if event.external_run_id is not None:
        run.external_id = max(run.external_id or "", event.external_run_id)
    if event.state is not RunState.UNKNOWN and (run.state_stamp is None or stamp > run.state_stamp):
        run.state_stamp, run.state = stamp, event.state
    _merge_facets(run, event, stamp)
    if statement.concerns_run:
        run.contributions = _added(run.contributions, Contribution(stamp, statement.id, event.labels))
    return run


def stamp_of(key: OrderKey) -> Stamp:
    """The key as it is kept."""
    return Stamp(micros_of(key.time), key.finality, key.identity)


def _merge_facets(run: RunMerge, event: Event, stamp: Stamp) -> None:
    if event.parent and (run.parent is None or stamp > run.parent.stamp):
        run.parent = Reference(stamp, event.parent.run, event.parent.job_id)
    if event.root and (run.root is None or stamp > run.root.stamp):
        run.root = Reference(stamp, event.root.run, event.root.job_id)
    if event.nominal_time and (run.nominal is None or stamp > run.nominal.stamp):
        run.nominal = Nominal(stamp, event.nominal_time.start, event.nominal_time.end)


def _added(known: list[Contribution], new: Contribution) -> list[Contribution]:
    if not known:
        return [new]
    if any(each.supersedes(new) for each in known):
        return known
    return sorted([each for each in known if not new.supersedes(each)] + [new], key=lambda c: c.stamp)
