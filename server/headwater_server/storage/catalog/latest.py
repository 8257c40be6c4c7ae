"""The version in force and the last write of datasets, many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ...domain.catalog import DatasetVersion, Write
from ...domain.catalog_places import DatasetSet
from ...domain.model import DatasetKind
from ...domain.versions import Asked, State, WriteRecord, model_write_in_force
from ..database import Connection
from .disputes import settle_disputed
from .fields import Stated, get_fields
from .states import get_event_subjects, states_in_force
from .told_writes import KnownWrite, tell_writes
from .writes import last_writes


class Latest(NamedTuple):
    """The version in force and the last write of a dataset."""

    version: DatasetVersion | None
    write: Write | None


async def get_latest(
    connection: Connection, datasets: Sequence[DatasetSet], kinds: Mapping[int, DatasetKind], now: datetime
) -> dict[int, Latest]:
    """The version in force and the last write of each dataset, by the id that it is shown under."""
    asked = {one.id: Asked(tuple(one.members), now) for one in datasets}
    records = await last_writes(connection, asked)
    settled = await settle_disputed(connection, _members(datasets))
    states = await states_in_force(connection, asked, records, settled)
    writes = await _tell_writes(connection, [one for one in datasets if one.id in records], kinds, records, states)
    models = {
        key: record for key, record in records.items() if model_write_in_force(kinds[key], record, states.get(key))
    }
    stated = {
        one.id: Stated(one.members, states[one.id], (models.get(one.id) or states[one.id]).time)
        for one in datasets
        if one.id in states
    }
    fields = await get_fields(connection, stated, settled)
    found: dict[int, Latest] = {}
    for one in datasets:
        state, write, version = states.get(one.id), writes.get(one.id), None
        if write and write.version is not None and one.id in models:
            own_fields = fields.get(one.id, ())
            version = DatasetVersion(one.name, write.version, write.label, own_fields, write.time, write.run)
        elif state:
            version = DatasetVersion(one.name, state.version, state.label or "", fields[one.id], state.time, state.run)
        found[one.id] = Latest(version, write)
    return found


async def _tell_writes(
    connection: Connection,
    written: Sequence[DatasetSet],
    kinds: Mapping[int, DatasetKind],
    records: Mapping[int, WriteRecord],
    states: Mapping[int, State],
) -> dict[int, Write]:
    """The last writes of datasets, given the states in force."""
    spoken_of = await get_event_subjects(connection, _members(written))
    # What is in force now is what the last write left behind, unless events may have come after it.
    left = {one.id: states.get(one.id) for one in written if not spoken_of.intersection(one.members)}
    known = [KnownWrite(one, kinds[one.id], records[one.id], left.get(one.id)) for one in written]
    told = await tell_writes(connection, known)
    return {one.id: write for one, write in zip(written, told, strict=True)}


def _members(datasets: Sequence[DatasetSet]) -> list[int]:
    return [member for one in datasets for member in one.members]
