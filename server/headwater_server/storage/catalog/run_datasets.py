"""What a run read and wrote, each dataset bound to a version."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ...domain.batch import VersionSource
from ...domain.catalog import RunDataset
from ...domain.catalog_places import DatasetSet
from ...domain.model import DatasetKind, RunState
from ...domain.run_details import RunDetails
from ...domain.timeline import FOREVER
from ...domain.versions import Asked, State, WriteRecord
from ..database import Connection
from .datasets import get_kinds
from .disputes import settle_disputed
from .names import get_sets
from .state_rows import COLUMNS, state_of
from .states import states_in_force
from .told_writes import KnownWrite, Left, left_behind
from .writes import get_write, last_naming_writes, last_writes

_LABELLED = f"""
SELECT DISTINCT ON (key) key, {COLUMNS}
FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS asked (key, member, wanted)
JOIN dataset_versions ON dataset_id = member AND label = wanted AND NOT disputed
ORDER BY key, first_time DESC, version_id DESC
"""
NOTHING = Left(None, "")


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
    bound = await _bind_labelled(connection, named, run.started) | await _bind_last(connection, named, run.started)
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
    io = await connection.fetchrow("SELECT inputs, outputs FROM io_sets WHERE io_set_id = $1", run.io_set)
    versions = await connection.fetchrow(
        "SELECT outputs, output_versions, inputs, input_labels FROM version_sets WHERE version_set_id = $1",
        run.version_set,
    )
    states = dict(zip(versions[0], versions[1], strict=True)) if versions else {}
    labels = dict(zip(versions[2], versions[3], strict=True)) if versions else {}
    inputs, outputs = io or ((), ())
    sets = await get_sets(connection, [*inputs, *outputs])
    kinds = await get_kinds(connection, list({one.id: one for one in sets.values()}.values()))
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


async def _bind_labelled(connection: Connection, named: _Named, time: datetime) -> dict[int, _Bound]:
    """The versions that the run named, each with the last write before it that left it behind."""
    labels = {member: label for member, label in named.inputs.items() if label is not None}
    if not labels:
        return {}
    states = await _labelled(connection, named, labels)
    asked = named.asked(states, time)
    records = await last_naming_writes(connection, asked, {member: state.version for member, state in states.items()})
    bound = {member: _Bound(NOTHING, None) for member in labels}
    for member, state in states.items():
        record = records.get(member)
        run = record.run if record else state.run
        write = await get_write(connection, asked[member].members, run) if named.is_model(member) and run else None
        bound[member] = _Bound(Left(write.model_version if write else state.version, state.label or ""), run)
    return bound


async def _labelled(connection: Connection, named: _Named, labels: Mapping[int, str]) -> dict[int, State]:
    """The newest state of each dataset that its producer labelled so."""
    pairs = [(key, member) for key in labels for member in named.sets[key].members]
    wanted = [labels[key] for key, _ in pairs]
    rows = await connection.fetch(_LABELLED, [key for key, _ in pairs], [member for _, member in pairs], wanted)
    states = {key: state_of(state) for key, *state in rows}
    for state in await settle_disputed(connection, {member for _, member in pairs}):
        for key, member in pairs:
            if state.dataset == member and state.label == labels[key]:
                states[key] = max(states.get(key, state), state, key=lambda s: (s.time, s.version))
    return states


async def _bind_last(connection: Connection, named: _Named, time: datetime) -> dict[int, _Bound]:
    """The last writes of the other inputs before the run started; without one, the version that was in force."""
    asked = named.asked((member for member, label in named.inputs.items() if label is None), time)
    records = await last_writes(connection, asked)
    left = await left_behind(connection, [named.write(member, record) for member, record in records.items()])
    bound = {member: _Bound(one, records[member].run) for member, one in zip(records, left, strict=True)}
    rest = {member: one for member, one in asked.items() if member not in records}
    states = await states_in_force(connection, rest)
    told_by_readers = (m for m, s in states.items() if s.source is VersionSource.READER and named.is_model(m))
    written = await last_writes(connection, named.asked(told_by_readers, FOREVER))  # each of these is a version
    for member in rest:
        state = states.get(member) if member not in written else None
        bound[member] = _Bound(Left(state.version, state.label or "") if state else NOTHING, None)
    return bound
