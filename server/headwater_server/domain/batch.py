"""What a batch of new events changes, given what is known of their runs: a pure function of both.

All that it adds is either a set (adding it twice is adding it once) or merged by a greatest or least value, so
batches may come in any order.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from . import ids
from .event import Event
from .model import EventKind, OrderKey, RunState
from .run_facts import DatasetState, IoSet, RunFacts, Said, derive_facts
from .run_merge import Contribution, RunMerge, merge_event, stamp_of
from .statement import Content, Schema, Statement


class VersionSource(IntEnum):
    """Who states a version of a dataset; a reader's word counts only where there is no other."""

    RUN = 1
    DATASET_EVENT = 2
    READER = 3


@dataclass(slots=True)
class Observation:
    """A statement, when its first event was, and the key of its last."""

    statement: Statement
    first: datetime
    last: OrderKey


class SeenVersion(NamedTuple):
    """A state that a dataset was seen in."""

    dataset: int
    version: int
    schema: Schema | None
    label: str | None
    time: datetime
    run: uuid.UUID | None
    source: VersionSource


class SeenJobVersion(NamedTuple):
    """A state that a job was seen in; `event` is the JobEvent that declares it, None where it is a run's."""

    job: int
    version: int
    io: IoSet | None
    code: Content | None
    time: datetime
    event: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a JobEvent declares of a job."""

    job: int
    time: datetime
    event: uuid.UUID
    io: IoSet


class RunChange(NamedTuple):
    """A run before (None for a new one) and after a batch."""

    run: uuid.UUID
    before: RunMerge | None
    facts_before: RunFacts | None
    after: RunMerge
    facts: RunFacts


@dataclass(slots=True)
class BatchChange:
    """What a batch changes. `drops` are datasets dropped at times; `symlinks` pairs of alias and dataset; `disputed`
    are versions, by dataset or job, that may have lost what made them; `left_out` are runs that are not in the sample
    of their pipeline.
    """

    observations: dict[int, Observation] = field(default_factory=dict)
    runs: list[RunChange] = field(default_factory=list)
    declarations: list[Declaration] = field(default_factory=list)
    versions: list[SeenVersion] = field(default_factory=list)
    job_versions: list[SeenJobVersion] = field(default_factory=list)
    drops: set[tuple[int, datetime]] = field(default_factory=set)
    symlinks: set[tuple[int, int]] = field(default_factory=set)
    disputed: set[tuple[int, int]] = field(default_factory=set)
    disputed_jobs: set[tuple[int, int]] = field(default_factory=set)
    left_out: set[uuid.UUID] = field(default_factory=set)

    def io_sets(self) -> dict[int, IoSet]:
        """The io sets of changed runs and declarations, by id."""
        found = {d.io.id: d.io for d in self.declarations}
        found.update({change.facts.io.id: change.facts.io for change in self.runs if change.facts.io})
        return found


class Facts:
    """Derives facts of runs, and remembers those derived lately: a job's runs are alike."""

    def __init__(self, *, remembered: int = 10_000) -> None:
        self._statements: Mapping[int, Statement] = {}
        self._derive = lru_cache(maxsize=remembered)(self._derive_once)

    def learn(self, statements: Mapping[int, Statement]) -> None:
        """Hands over the statements that the next contributions refer to."""
        self._statements = statements

    def of(self, job: int, contributions: Iterable[Contribution], *, is_muted: bool = False) -> RunFacts:
        """The facts that follow from contributions to a run of a job, in the order of their keys."""
        return self._derive(job, tuple([(c.statement, c.labels) for c in contributions]), is_muted)

    def of_run(self, run: RunMerge) -> RunFacts:
        """The facts that follow from a run so far."""
        return self.of(run.job, run.contributions, is_muted=run.muted)

    def _derive_once(self, job: int, said: tuple[Said, ...], is_muted: bool) -> RunFacts:
        return derive_facts(job, said, self._statements, is_muted=is_muted)


def fold_batch(
    events: Iterable[Event],
    runs: Mapping[uuid.UUID, RunMerge],
    facts: Facts,
    muted: Iterable[uuid.UUID] = (),
) -> BatchChange:
    """What new events change; `runs` are those that they are about, and those of `muted`, as far as they were known
    before. What was declared of `muted` runs does not count from now on.

    The runs given are changed: hand over copies of their own.
    """
    change = BatchChange()
    merged: dict[uuid.UUID, RunMerge] = {}
    before = {run: (_copy(state), facts.of_run(state)) for run, state in runs.items()}
    for event in events:
        _observe(change, event)
        if event.kind is EventKind.RUN:
            subject = event.subject
            merged[subject] = merge_event(merged.get(subject) or runs.get(subject), event)
        elif event.kind is EventKind.DATASET:
            _add_dataset_event(change, event)
        else:
            _add_job_event(change, event, facts)
    for seen in change.observations.values():
        _add_reader_versions(change, seen)
    for run in muted:
        found = merged.get(run) or runs.get(run)
        if found and not found.muted:
            found.muted = True
            merged[run] = found
    for run, state in merged.items():
        known, facts_before = before.get(run, (None, None))
        changed = RunChange(run, known, facts_before, state, facts.of_run(state))
        change.runs.append(changed)
        _add_run_versions(change, changed)
    return change


def _copy(run: RunMerge) -> RunMerge:
    return RunMerge(*(getattr(run, name) for name in RunMerge.__struct_fields__))


def _observe(change: BatchChange, event: Event) -> None:
    key, statement = event.key, event.statement
    known = change.observations.get(statement.id)
    if known is None:
        change.observations[statement.id] = Observation(statement, key.time, key)
        change.symlinks.update(statement.symlinks)
    elif key > known.last:
        known.last = key
    elif key.time < known.first:
        known.first = key.time
    for dataset in statement.drops:
        change.drops.add((dataset, key.time))


def _add_reader_versions(change: BatchChange, seen: Observation) -> None:
    for dataset, schema in seen.statement.read_schemas:
        version = ids.version_id(dataset, schema.id, None)
        change.versions.append(SeenVersion(dataset, version, schema, None, seen.first, None, VersionSource.READER))


def _add_dataset_event(change: BatchChange, event: Event) -> None:
    dataset = event.statement.datasets[0]
    label = next((label.label for label in event.labels), None)
    if dataset.schema is None and label is None:
        return
    version = ids.version_id(dataset.id, dataset.schema.id if dataset.schema else None, label)
    change.versions.append(
        SeenVersion(dataset.id, version, dataset.schema, label, event.order_time, None, VersionSource.DATASET_EVENT)
    )


def _add_job_event(change: BatchChange, event: Event, facts: Facts) -> None:
    assert event.statement.job is not None
    job, time, identity = event.statement.job.id, event.order_time, uuid.UUID(bytes=event.identity)
    found = facts.of(job, [Contribution(stamp_of(event.key), event.statement.id, event.labels)])
    if found.io:
        change.declarations.append(Declaration(job, time, identity, found.io))
    if found.job_state:
        state = found.job_state
        change.job_versions.append(SeenJobVersion(job, state.version, found.io, state.code, time, identity))


def _add_run_versions(change: BatchChange, run: RunChange) -> None:
    states = _written(run.after, run.facts)
    for version, (state, time) in states.items():
        change.versions.append(
            SeenVersion(state.dataset, version, state.schema, state.label, time, run.run, VersionSource.RUN)
        )
    if run.facts.job_state:
        job_state = run.facts.job_state
        change.job_versions.append(
            SeenJobVersion(run.after.job, job_state.version, run.facts.io, job_state.code, run.after.started_at)
        )
    if run.before is None or run.facts_before is None:
        return
    for version, (state, time) in _written(run.before, run.facts_before).items():
        if version not in states or states[version][1] > time:
            change.disputed.add((state.dataset, version))
    lost = run.facts_before.job_state
    if lost and (run.facts.job_state is None or lost.version != run.facts.job_state.version):
        change.disputed_jobs.add((run.before.job, lost.version))


def _written(run: RunMerge, facts: RunFacts) -> dict[int, tuple[DatasetState, datetime]]:
    """The states that a run left, with their time, by version; none unless it succeeded."""
    if facts.versions is None or run.state is not RunState.SUCCEEDED or (ended := run.ended_at) is None:
        return {}
    return {state.version: (state, ended) for state in facts.versions.states}
