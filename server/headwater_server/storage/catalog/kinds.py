"""What kinds of things nodes are, thousands at once.

A kind follows from facets, and those are kept by content, which never changes: so what a content says of kinds is
remembered, and most datasets and jobs need no more than a look at which contents speak of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec
from sqlalchemy import select

from ...domain.asset_parser import NO_CONTENT
from ...domain.assets import facet_map, job_kind
from ...domain.facets import FacetMap
from ...domain.kinds import OWN_FACETS, dataset_kind
from ...domain.model import AssetName, DatasetKind, JobKind
from ..database import Connection
from ..statements import Statement, among, given
from ..tables import statement_assets
from .facets import MAX_CONTENTS, get_contents, get_facets

TELLING = frozenset({"datasetType", "storage", "catalog", "tags", "jobType", *OWN_FACETS})
"""The facets that a kind follows from."""
MAX_REMEMBERED = 200_000
"""How many contents are remembered; past it, all are forgotten."""
MAX_OUTCOMES = 32
"""How many ways are looked at in which facets may follow each other."""
_SPOKEN = Statement(
    select(statement_assets.c.asset_id, statement_assets.c.content_id)
    .where(
        among(statement_assets.c.asset_id, "ids"),
        statement_assets.c.content_id != given("nothing", statement_assets.c.content_id),
    )
    .distinct()
)
_NOTHING: FacetMap = {}
_TELLING_KEYS = tuple(f'"{name}"'.encode() for name in sorted(TELLING))


def may_tell_kind(content: bytes) -> bool:
    """Whether the JSON text of a content has facets that a kind follows from; it may also only look so."""
    return any(key in content for key in _TELLING_KEYS)


class Named(Protocol):
    """A dataset or a job: the id that it is shown under, and all of its names by their ids."""

    @property
    def id(self) -> int:
        """The id that it is shown under."""

    @property
    def names(self) -> Mapping[int, AssetName]:
        """All of its names."""


class KindReader:
    """Finds kinds, and remembers what contents say of them."""

    def __init__(self) -> None:
        self._telling: dict[int, FacetMap] = {}

    async def dataset_kinds(self, connection: Connection, assets: Iterable[Named]) -> dict[int, DatasetKind]:
        """The kinds of datasets, by their ids."""
        return (await self.lasting_dataset_kinds(connection, assets))[0]

    async def lasting_dataset_kinds(
        self, connection: Connection, assets: Iterable[Named]
    ) -> tuple[dict[int, DatasetKind], set[int]]:
        """The kinds of datasets, by their ids, and which of them may change where nothing new is said of a dataset.

        They may where what was said of it differs, for then it matters which was said last.
        """
        by_id = {asset.id: asset for asset in assets}
        facets, unclear = await self._facets(connection, by_id)
        kinds = {key: dataset_kind(_names(asset), facets.get(key, _NOTHING)) for key, asset in by_id.items()}
        passing = {
            key
            for key, said in unclear.items()
            if {dataset_kind(_names(by_id[key]), merged) for merged in _outcomes(said)} != {kinds[key]}
        }
        return kinds, passing

    async def job_kinds(self, connection: Connection, assets: Iterable[Named]) -> dict[int, JobKind]:
        """The kinds of jobs, by their ids; those not known are left out."""
        return (await self.lasting_job_kinds(connection, assets))[0]

    async def lasting_job_kinds(
        self, connection: Connection, assets: Iterable[Named]
    ) -> tuple[dict[int, JobKind], set[int]]:
        """The kinds of jobs, as those of datasets; those not known are left out."""
        facets, unclear = await self._facets(connection, {asset.id: asset for asset in assets})
        kinds = {key: kind for key, found in facets.items() if (kind := job_kind(found))}
        passing = {
            key for key, said in unclear.items() if {job_kind(merged) for merged in _outcomes(said)} != {kinds.get(key)}
        }
        return kinds, passing

    async def spoken(self, connection: Connection, assets: Iterable[int]) -> set[int]:
        """Those of datasets and jobs, by the ids of their names, of which more was said than their names."""
        return {row[0] for row in await _SPOKEN.fetch(connection, ids=list(assets), nothing=NO_CONTENT.id)}

    async def _facets(
        self, connection: Connection, assets: Mapping[int, Named]
    ) -> tuple[dict[int, FacetMap], dict[int, list[FacetMap]]]:
        """The facets of assets that tell their kind, where there are any; and where they differ, all of them."""
        owners = {member: key for key, asset in assets.items() for member in asset.names}
        rows = await _SPOKEN.fetch(connection, ids=list(owners), nothing=NO_CONTENT.id)
        telling = await self._contents(connection, {row[1] for row in rows})
        said: dict[int, list[FacetMap]] = {}
        for asset, content in rows:
            if facets := telling.get(content):
                said.setdefault(owners[asset], []).append(facets)
        found = {key: maps[0] for key, maps in said.items() if all(one == maps[0] for one in maps)}
        unclear = {key: maps for key, maps in said.items() if key not in found}
        if unclear:
            merged = await get_facets(connection, {key: assets[key].names for key in unclear})
            found.update((key, facet_map(one.facets.values())) for key, one in merged.items())
        return found, unclear

    async def _contents(self, connection: Connection, contents: set[int]) -> dict[int, FacetMap]:
        """What contents say of kinds, by their ids."""
        found = {content: self._telling[content] for content in contents if content in self._telling}
        if len(found) < len(contents):
            if len(self._telling) > MAX_REMEMBERED:
                self._telling.clear()
            for content, facets in (await get_contents(connection, contents - found.keys())).items():
                telling = {name: value for name, value in facets.items() if name in TELLING}
                found[content] = self._telling[content] = telling or _NOTHING
        return found


def _outcomes(said: Sequence[FacetMap]) -> Iterator[FacetMap]:
    """What may hold of facets once others were said last; nothing at all where that are too many ways."""
    values: dict[str, dict[bytes, msgspec.Raw]] = {}
    for facets in said:
        for name, value in facets.items():
            values.setdefault(name, {})[bytes(value)] = value
    if math.prod(map(len, values.values())) > MAX_OUTCOMES or len(said) >= MAX_CONTENTS:
        return
    for chosen in itertools.product(*(found.values() for found in values.values())):
        yield dict(zip(values, chosen, strict=True))


def _names(asset: Named) -> list[AssetName]:
    """The names of an asset, the one that it is shown under first."""
    return [asset.names[asset.id], *sorted(name for key, name in asset.names.items() if key != asset.id)]
