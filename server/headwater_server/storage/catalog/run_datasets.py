"""What a run read and wrote, each dataset bound to a version."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select

from ...domain.batch import VersionSource
from ...domain.catalog import RunDataset
from ...domain.catalog_places import DatasetSet
from ...domain.model import DatasetKind, RunState
from ...domain.run_details import RunDetails
from ...domain.timeline import FOREVER
from ...domain.versions import Asked, WriteRecord
from ..database import Connection
from ..statements import Statement, given
from ..tables import io_sets, version_sets
from .bindings import Binding, Read, bind_reads
from .kinds import KindReader
from .names import get_sets
from .states import states_in_force
from .told_writes import KnownWrite, Left, left_behind
from .writes import get_writes, last_writes

NOTHING = Left(None, "")
_IO_SET = Statement(
    select(io_sets.c.inputs, io_sets.c.outputs).where(io_sets.c.io_set_id == given("id", io_sets.c.io_set_id))
)
_VERSION_SET = Statement(
    select(
        version_sets.c.outputs, version_sets.c.output_versions, version_sets.c.inputs, version_sets.c.input_labels
    ).where(version_sets.c.version_set_id == given("id", version_sets.c.version_set_id))
)


@dataclass(frozen=True, slots=True)
class RunSets:
    """A run, as far as it matters for what it read and wrote; the sets are those of the tables of these names."""

    run: uuid.UUID
    job: int
    state: RunState
    started: datetime
    ended: datetime | None
    io_set: int | None
    version_set: int | None


@dataclass(frozen=True, slots=True)
class RunDatasets:
    """What a run read and wrote."""

    inputs: tuple[RunDataset, ...]
    outputs: tuple[RunDataset, ...]


@dataclass(frozen=True, slots=True)
class _Named:
    """The datasets that a run names, by id: what it reads with the label that it names, if any; what it writes with the
    state that it names; and the set and kind of each.
    """

    inputs: Mapping[int, str | None]
    outputs: Mapping[int, int | None]
    sets: Mapping[int, DatasetSet]
    kinds: Mapping[int, DatasetKind]

    def is_model(self, member: int) -> bool:
        """Whether a dataset is a MODEL."""
        return self.kinds[member] is DatasetKind.MODEL

    def write(self, member: int, record: WriteRecord) -> KnownWrite:
        """A write of a dataset."""
        return KnownWrite(self.sets[member], self.kinds[member], record)

    def asked(self, members: Iterable[int], time: datetime) -> dict[int, Asked]:
        """A question about datasets at a time."""
        return {member: Asked(tuple(self.sets[member].members), time) for member in members}


class _Bound(NamedTuple):
    """The version that was read, and the run whose write left it behind."""

    left: Left
    write: uuid.UUID | None


async def tell_datasets(connection: Connection, run: RunSets, details: RunDetails) -> RunDatasets:
    """What a run read and wrote; `details` hold the facets of each use."""
    named = await _named(connection, run)
    bound = await _bind(connection, named, run)
    inputs = (
        RunDataset(
            dataset=named.sets[member].name,
            version=bound[member].left.version,
            label=label or bound[member].left.label,
            write=bound[member].write,
            declared=label is not None,
            facets=details.inputs.get(member, ()),
        )
        for member, label in named.inputs.items()
    )
    left = await _left(connection, named, run)
    outputs = (
        RunDataset(named.sets[member].name, *left[member], facets=details.outputs.get(member, ()))
        for member in named.outputs
    )
    return RunDatasets(tuple(inputs), tuple(outputs))


async def _named(connection: Connection, run: RunSets) -> _Named:
    io = await _IO_SET.fetch_row(connection, id=run.io_set)
    versions = await _VERSION_SET.fetch_row(connection, id=run.version_set)
    states = dict(zip(versions[0], versions[1], strict=True)) if versions else {}
    labels = dict(zip(versions[2], versions[3], strict=True)) if versions else {}
    inputs, outputs = io or ((), ())
    sets = await get_sets(connection, [*inputs, *outputs])
    kinds = await KindReader().dataset_kinds(connection, sets.values())
    return _Named(
        {member: labels.get(member) for member in inputs},
        {member: states.get(member) for member in outputs},
        sets,
        {member: kinds[one.id] for member, one in sets.items()},
    )


async def _left(connection: Connection, named: _Named, run: RunSets) -> dict[int, Left]:
    """The versions that the run left behind; one that did not succeed left none."""
    if run.state is not RunState.SUCCEEDED or run.ended is None:
        return dict.fromkeys(named.outputs, NOTHING)
    records = [WriteRecord(member, run.run, run.job, run.ended, state) for member, state in named.outputs.items()]
    left = await left_behind(connection, [named.write(record.dataset, record) for record in records])
    return dict(zip(named.outputs, left, strict=True))


async def _bind(connection: Connection, named: _Named, run: RunSets) -> dict[int, _Bound]:
    """The versions that the run read, each with the write that left it behind."""
    reads = [
        Read(run.run, run.started, tuple(named.sets[member].members), label) for member, label in named.inputs.items()
    ]
    found = await bind_reads(connection, reads)
    bindings = {member: found.get(place, Binding(None)) for place, member in enumerate(named.inputs)}
    labelled = {member: one for member, one in bindings.items() if named.inputs[member] is not None}
    last = {member: one.write for member, one in bindings.items() if member not in labelled}
    return await _tell_labelled(connection, named, labelled) | await _tell_last(connection, named, run, last)


async def _tell_labelled(connection: Connection, named: _Named, bindings: Mapping[int, Binding]) -> dict[int, _Bound]:
    """The versions that the run named; of a MODEL, the writes that left them behind."""
    of_models = {
        member: (named.sets[member].members, one.write.run)
        for member, one in bindings.items()
        if one.write and named.is_model(member)
    }
    models = await get_writes(connection, of_models)
    bound = {}
    for member, (write, state) in bindings.items():
        is_write = named.is_model(member) and state is not None and state.source is VersionSource.RUN
        version = state.version if state and not is_write else None
        if member in models:
            version = models[member].model_version
        label = (state.label if state else None) or ""
        bound[member] = _Bound(Left(version, label), write.run if write else None)
    return bound


async def _tell_last(
    connection: Connection, named: _Named, run: RunSets, writes: Mapping[int, WriteRecord | None]
) -> dict[int, _Bound]:
    """The versions that the last writes left behind; without one, the version that was in force."""
    records = {member: write for member, write in writes.items() if write}
    left = await left_behind(connection, [named.write(member, record) for member, record in records.items()])
    bound = {member: _Bound(one, records[member].run) for member, one in zip(records, left, strict=True)}
    rest = [member for member in writes if member not in records]
    states = await states_in_force(connection, {member: _asked_before(named, run, member) for member in rest})
    told_by_readers = (m for m, s in states.items() if s.source is VersionSource.READER and named.is_model(m))
    written = await last_writes(connection, named.asked(told_by_readers, FOREVER))  # each of these is a version
    for member in rest:
        state = states.get(member) if member not in written else None
        bound[member] = _Bound(Left(state.version, state.label or "") if state else NOTHING, None)
    return bound


def _asked_before(named: _Named, run: RunSets, member: int) -> Asked:
    """A question about a dataset when the run started; where it wrote the dataset by then itself, just before that."""
    one, time = named.sets[member], run.started
    is_written = any(named.sets[output].id == one.id for output in named.outputs)
    if is_written and run.state is RunState.SUCCEEDED and run.ended is not None and run.ended <= time:
        time = run.ended - timedelta(microseconds=1)
    return Asked(tuple(one.members), time)
