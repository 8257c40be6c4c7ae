"""Tells datasets as they are now, many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from ...domain.assets import description_of, facet_map, owners_of, tags_of
from ...domain.catalog import Dataset, DatasetVersion, Facet, Write
from ...domain.catalog_places import DatasetSet
from ...domain.hiding import Deletion, hidden_since
from ...domain.kinds import dataset_kind
from ...domain.model import DatasetKind
from ...domain.versions import Asked, model_write_in_force
from ..database import Connection
from .deletions import get_deletions
from .disputes import settle_disputed
from .facets import AssetFacets, get_facets
from .fields import Stated, get_fields
from .run_events import get_details_of_run
from .states import get_event_subjects, states_in_force
from .told_writes import KnownWrite, tell_writes
from .versions import find_versions, get_version
from .writes import last_writes


class _Latest(NamedTuple):
    """The version in force and the last write of a dataset."""

    version: DatasetVersion | None
    write: Write | None


async def get_kinds(connection: Connection, datasets: Sequence[DatasetSet]) -> dict[int, DatasetKind]:
    """The kinds of datasets, by the ids that they are shown under."""
    return _kinds(datasets, await get_facets(connection, {one.id: one.members for one in datasets}))


async def load_datasets(connection: Connection, datasets: Sequence[DatasetSet], now: datetime) -> list[Dataset]:
    """Datasets as they are at the present time, in the order given, with all of their facets."""
    if not datasets:
        return []
    said = await get_facets(connection, {one.id: one.members for one in datasets})
    kinds = _kinds(datasets, said)
    latest = await _latest(connection, datasets, kinds, now)
    deletions = await get_deletions(connection, _members(datasets))
    return [
        _dataset(
            one,
            kinds[one.id],
            said[one.id],
            latest[one.id],
            _deleted(one, deletions, said[one.id], now),
        )
        for one in datasets
    ]


async def load_dataset(connection: Connection, dataset: DatasetSet, now: datetime) -> Dataset:
    """One dataset with what is not told of many: the latest version's ordinal, and facets that change with each run."""
    (found,) = await load_datasets(connection, [dataset], now)
    if found.latest_version:
        versions = await find_versions(connection, dataset, found.kind)
        version = await get_version(connection, versions, found.latest_version.version)
        found = replace(found, latest_version=version or found.latest_version)
    if found.latest_write:
        details = await get_details_of_run(connection, found.latest_write.run)
        facets = {facet.name: facet for facet in found.facets}
        for facet in (facet for member in dataset.members for facet in details.written.get(member, ())):
            if facet.name not in facets or facet.time >= facets[facet.name].time:
                facets[facet.name] = facet
        found = replace(found, facets=_ordered(facets))
    return found


async def _latest(
    connection: Connection, datasets: Sequence[DatasetSet], kinds: Mapping[int, DatasetKind], now: datetime
) -> dict[int, _Latest]:
    asked = {one.id: Asked(tuple(one.members), now) for one in datasets}
    records = await last_writes(connection, asked)
    states = await states_in_force(connection, asked, records)
    stated = {one.id: Stated(one.members, states[one.id]) for one in datasets if one.id in states}
    fields = await get_fields(connection, stated, await settle_disputed(connection, _members(datasets)))
    written = [one for one in datasets if one.id in records]
    spoken_of = await get_event_subjects(connection, _members(written))
    # What is in force now is what the last write left behind, unless events may have come after it.
    left = {one.id: states.get(one.id) for one in written if not spoken_of.intersection(one.members)}
    known = [KnownWrite(one, kinds[one.id], records[one.id], left.get(one.id)) for one in written]
    told = await tell_writes(connection, known)
    writes = {one.id: write for one, write in zip(written, told, strict=True)}
    found: dict[int, _Latest] = {}
    for one in datasets:
        state, write = states.get(one.id), writes.get(one.id)
        version: DatasetVersion | None = None
        if write and model_write_in_force(kinds[one.id], records[one.id], state):
            version = DatasetVersion(
                one.name, records[one.id].model_version, write.label, fields.get(one.id, ()), write.time, write.run
            )
        elif state:
            version = DatasetVersion(one.name, state.version, state.label or "", fields[one.id], state.time, state.run)
        found[one.id] = _Latest(version, write)
    return found


def _members(datasets: Sequence[DatasetSet]) -> list[int]:
    return [member for one in datasets for member in one.members]


def _kinds(datasets: Sequence[DatasetSet], said: Mapping[int, AssetFacets]) -> dict[int, DatasetKind]:
    return {one.id: dataset_kind([one.name, *one.aliases], facet_map(said[one.id].facets.values())) for one in datasets}


def _deleted(
    dataset: DatasetSet, deletions: Mapping[int, list[Deletion]], said: AssetFacets, now: datetime
) -> datetime | None:
    own = [deletion for member in dataset.members for deletion in deletions.get(member, ())]
    return hidden_since(own, [said.last], now) if own else None


def _dataset(
    dataset: DatasetSet, kind: DatasetKind, said: AssetFacets, latest: _Latest, deleted: datetime | None
) -> Dataset:
    facets = facet_map(said.facets.values())
    return Dataset(
        name=dataset.name,
        aliases=dataset.aliases,
        kind=kind,
        description=description_of(facets),
        owners=owners_of(facets),
        tags=tags_of(facets),
        created=said.first,
        updated=said.last,
        deleted=deleted,
        latest_version=latest.version,
        latest_write=latest.write,
        facets=_ordered(said.facets),
    )


def _ordered(facets: Mapping[str, Facet]) -> tuple[Facet, ...]:
    return tuple(facets[name] for name in sorted(facets))
