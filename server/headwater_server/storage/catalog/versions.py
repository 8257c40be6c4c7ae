"""Lists and finds the versions of a dataset: its states, and for a MODEL its writes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import exists, func, select, tuple_

from ...domain.batch import VersionSource
from ...domain.catalog import DatasetVersion
from ...domain.catalog_places import DatasetSet, RunPlace, VersionPlace
from ...domain.model import DatasetKind
from ...domain.versions import Asked, State, WriteRecord
from ..database import Connection
from ..statements import Statement, among, constant, given
from ..tables import dataset_versions
from .disputes import settle_disputed
from .fields import Stated, get_fields
from .state_rows import COLUMNS, STATE, get_states, state_of
from .states import states_in_force
from .writes import NEWEST, count_writes, list_writes

WRITES_AT_ONCE = 1000
"""How many writes of a MODEL are looked at together in search of a version."""
_LARGEST = 2**63 - 1

_LIST = f"""
SELECT listed.* FROM unnest($1::bigint[]) AS asked (dataset_id)
CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM dataset_versions AS v
    WHERE v.dataset_id = asked.dataset_id AND NOT disputed AND source = ANY($2::smallint[])
    AND (first_time, version_id) < ($3, $4)
    ORDER BY first_time DESC FETCH FIRST $5 ROWS WITH TIES) AS listed
ORDER BY first_time DESC, version_id DESC LIMIT $5
"""
_UNDISPUTED = (among(dataset_versions.c.dataset_id, "members"), dataset_versions.c.disputed.is_(False))
_OF_SOURCES = (*_UNDISPUTED, among(dataset_versions.c.source, "sources"))
_PLACE = (dataset_versions.c.first_time, dataset_versions.c.version_id)
_COUNT = Statement(
    select(func.count())
    .select_from(dataset_versions)
    .where(*_OF_SOURCES, tuple_(*_PLACE) <= tuple_(given("time", _PLACE[0]), given("version", _PLACE[1])))
)
_IS_STATED = Statement(select(exists().where(*_UNDISPUTED, dataset_versions.c.source < constant(3))))
_BY_ID = Statement(
    select(*STATE).where(*_OF_SOURCES, dataset_versions.c.version_id == given("version", dataset_versions.c.version_id))
)
_BY_LABEL = Statement(
    select(*STATE)
    .where(*_OF_SOURCES, dataset_versions.c.label == given("label", dataset_versions.c.label))
    .order_by(*(column.desc() for column in _PLACE))
    .limit(constant(1))
)


@dataclass(frozen=True, slots=True)
class Versions:
    """Which states of a dataset are versions: those of these sources, where a disputed one was settled."""

    dataset: DatasetSet
    is_model: bool
    sources: frozenset[VersionSource]
    settled: tuple[State, ...]

    def counts(self, state: State) -> bool:
        """Whether a state is a version by itself; the one that a write made of a MODEL is the write."""
        return state.source in self.sources and not (self.is_model and state.source is VersionSource.RUN)

    @property
    def asked(self) -> dict[str, object]:
        """The parameters of a statement about all of these states."""
        return {"members": self.dataset.members, "sources": list(self.sources)}

    @property
    def listed(self) -> list[VersionSource]:
        """The sources of states that are versions by themselves."""
        return [source for source in self.sources if not (self.is_model and source is VersionSource.RUN)]


@dataclass(frozen=True, slots=True)
class _Found:
    """A version that was found: its place, its state (None where it has none), and the write that a MODEL's is."""

    place: VersionPlace
    state: State | None
    write: WriteRecord | None = None


async def find_versions(connection: Connection, dataset: DatasetSet, kind: DatasetKind) -> Versions:
    """Which states of a dataset are versions."""
    settled = await settle_disputed(connection, dataset.members)
    is_model = kind is DatasetKind.MODEL
    is_stated = any(state.source is not VersionSource.READER for state in settled)
    is_stated = is_stated or bool(await _IS_STATED.fetch_value(connection, members=dataset.members))
    is_stated = is_stated or (is_model and bool(await list_writes(connection, dataset.members, None, 1)))
    sources = {VersionSource.RUN, VersionSource.DATASET_EVENT} if is_stated else {VersionSource.READER}
    return Versions(dataset, is_model, frozenset(sources), tuple(s for s in settled if s.source in sources))


async def list_versions(
    connection: Connection, versions: Versions, after: VersionPlace | None, limit: int
) -> list[tuple[VersionPlace, DatasetVersion]]:
    """The versions of a dataset past a place, newest first, with their places."""
    found = [_Found(_place(state), state) for state in await _list_states(connection, versions, after, limit)]
    if versions.is_model:
        writes = await list_writes(connection, versions.dataset.members, _run_place(after), limit)
        found += [_Found(VersionPlace(w.time, w.run), None, w) for w in writes]
    page = sorted(found, key=lambda f: f.place, reverse=True)[:limit]
    return [(item.place, version) for item, version in zip(page, await _tell(connection, versions, page), strict=True)]


async def get_version(connection: Connection, versions: Versions, version: int) -> DatasetVersion | None:
    """A version by its id; None where the dataset has no such version."""
    rows = await _BY_ID.fetch(connection, version=version, **versions.asked)
    states = [state_of(row) for row in rows] + [state for state in versions.settled if state.version == version]
    if states:
        return await _tell_state(connection, versions, states[0])
    write = await _find_write(connection, versions, version)
    return await _tell_write(connection, versions, write) if write else None


async def find_by_label(connection: Connection, versions: Versions, label: str) -> DatasetVersion | None:
    """The newest version whose producer named it so; None where there is none."""
    rows = await _BY_LABEL.fetch(connection, label=label, **versions.asked)
    states = [state_of(row) for row in rows] + [state for state in versions.settled if state.label == label]
    return await _tell_state(connection, versions, max(states, key=_place)) if states else None


async def _tell_state(connection: Connection, versions: Versions, state: State) -> DatasetVersion:
    """A state as a version; that of a MODEL's write as the write."""
    if versions.is_model and state.run is not None:
        record = WriteRecord(state.dataset, state.run, 0, state.time, state.version)
        return await _tell_write(connection, versions, record)
    (version,) = await _tell(connection, versions, [_Found(_place(state), state)])
    return version


async def _tell_write(connection: Connection, versions: Versions, write: WriteRecord) -> DatasetVersion:
    """A write of a MODEL as a version."""
    (version,) = await _tell(connection, versions, [_Found(VersionPlace(write.time, write.run), None, write)])
    return version


async def _list_states(
    connection: Connection, versions: Versions, after: VersionPlace | None, limit: int
) -> list[State]:
    time, version = _state_key(after or VersionPlace(*NEWEST))
    rows = await connection.fetch(_LIST, versions.dataset.members, versions.listed, time, version, limit)
    settled = [s for s in versions.settled if versions.counts(s) and (after is None or _place(s) < after)]
    return [state_of(row) for row in rows] + settled


async def _tell(connection: Connection, versions: Versions, page: Sequence[_Found]) -> list[DatasetVersion]:
    """Versions in the order of a list, newest first, with their ordinals."""
    if not page:
        return []
    states = await _with_states(connection, page)
    stated = {index: Stated(versions.dataset.members, state, page[index].place.time) for index, state in states.items()}
    fields = await get_fields(connection, stated, versions.settled)
    newest = await _count(connection, versions, page[0].place)
    told = []
    for index, found in enumerate(page):
        version = DatasetVersion(versions.dataset.name, 0, "", fields.get(index, ()), found.place.time, None)
        state, write = states.get(index), found.write
        if write:
            label = state.label if state and write.state == state.version else ""
            version = replace(version, version=write.model_version, label=label or "", run=write.run)
        elif state:
            version = replace(version, version=state.version, label=state.label or "", run=state.run)
        told.append(replace(version, ordinal=newest - index))
    return told


async def _with_states(connection: Connection, page: Sequence[_Found]) -> dict[int, State]:
    """The states of versions, by their index; a write that names none has the one in force."""
    writes = {index: found.write for index, found in enumerate(page) if found.write}
    pairs = {index: (write.dataset, write.state) for index, write in writes.items() if write.state is not None}
    named = await get_states(connection, pairs.values())
    states = {index: found.state for index, found in enumerate(page) if found.state}
    states.update((index, named[pair]) for index, pair in pairs.items() if pair in named)
    rest = {index: Asked((write.dataset,), write.time) for index, write in writes.items() if index not in states}
    return states | await states_in_force(connection, rest)


async def _count(connection: Connection, versions: Versions, until: VersionPlace) -> int:
    """How many versions there are up to a place, that included."""
    members = versions.dataset.members
    time, version = _state_key(until)
    count: int = await _COUNT.fetch_value(
        connection, members=members, sources=versions.listed, time=time, version=version
    )
    count += sum(1 for state in versions.settled if versions.counts(state) and _place(state) <= until)
    if versions.is_model:
        count += await count_writes(connection, members, RunPlace(*until))
    return count


async def _find_write(connection: Connection, versions: Versions, version: int) -> WriteRecord | None:
    after: RunPlace | None = None
    while versions.is_model:
        writes = await list_writes(connection, versions.dataset.members, after, WRITES_AT_ONCE)
        for write in writes:
            if write.model_version == version:
                return write
        if len(writes) < WRITES_AT_ONCE:
            break
        after = RunPlace(writes[-1].time, writes[-1].run)
    return None


def _place(state: State) -> VersionPlace:
    return VersionPlace(state.time, uuid.UUID(int=state.version + 2**63))


def _state_key(place: VersionPlace) -> tuple[datetime, int]:
    """The place among states; at a run's, all states of that time come after it."""
    return place.time, place.tie.int - 2**63 if place.tie.int < 2**64 else _LARGEST


def _run_place(place: VersionPlace | None) -> RunPlace | None:
    return RunPlace(*place) if place else None
