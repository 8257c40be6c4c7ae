"""Tells datasets as they are now, many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ...domain.assets import description_of, facet_map, owners_of, tags_of
from ...domain.catalog import Dataset, Facet
from ...domain.catalog_places import DatasetSet
from ...domain.hiding import Deletion, hidden_since
from ...domain.kinds import dataset_kind
from ...domain.model import DatasetKind
from ..database import Connection
from .deletions import get_deletions
from .facets import AssetFacets, get_facets
from .latest import Latest, get_latest
from .run_events import get_details_of_run
from .versions import find_versions, get_version


async def load_datasets(connection: Connection, datasets: Sequence[DatasetSet], now: datetime) -> list[Dataset]:
    """Datasets as they are at the present time, in the order given, with all of their facets."""
    if not datasets:
        return []
    said = await get_facets(connection, {one.id: one.members for one in datasets})
    kinds = _kinds(datasets, said)
    latest = await get_latest(connection, datasets, kinds, now)
    deletions = await get_deletions(connection, [member for one in datasets for member in one.members])
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


async def load_dataset(connection: Connection, dataset: DatasetSet, now: datetime, *, full: bool) -> Dataset:
    """One dataset with the ordinal of its latest version; in full with the facets that change with each run."""
    (found,) = await load_datasets(connection, [dataset], now)
    if found.latest_version:
        versions = await find_versions(connection, dataset, found.kind)
        version = await get_version(connection, versions, found.latest_version.version)
        found = replace(found, latest_version=version or found.latest_version)
    if full and found.latest_write:
        details = await get_details_of_run(connection, found.latest_write.run)
        facets = {facet.name: facet for facet in found.facets}
        for facet in (facet for member in dataset.members for facet in details.written.get(member, ())):
            if facet.name not in facets or facet.time >= facets[facet.name].time:
                facets[facet.name] = facet
        found = replace(found, facets=_ordered(facets))
    return found


def _kinds(datasets: Sequence[DatasetSet], said: Mapping[int, AssetFacets]) -> dict[int, DatasetKind]:
    return {one.id: dataset_kind([one.name, *one.aliases], facet_map(said[one.id].facets.values())) for one in datasets}


def _deleted(
    dataset: DatasetSet, deletions: Mapping[int, list[Deletion]], said: AssetFacets, now: datetime
) -> datetime | None:
    own = [deletion for member in dataset.members for deletion in deletions.get(member, ())]
    return hidden_since(own, [said.last], now) if own else None


def _dataset(
    dataset: DatasetSet, kind: DatasetKind, said: AssetFacets, latest: Latest, deleted: datetime | None
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
