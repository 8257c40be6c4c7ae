"""What kinds of things nodes are, thousands at once.

A kind follows from facets, and those are kept by content, which never changes: so what a content says of kinds is
remembered, and most datasets and jobs need no more than a look at which contents speak of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from sqlalchemy import select

from ...domain.asset_parser import NO_CONTENT
from ...domain.assets import facet_map, job_kind
from ...domain.facets import FacetMap
from ...domain.kinds import OWN_FACETS, dataset_kind
from ...domain.model import AssetName, DatasetKind, JobKind
from ..database import Connection
from ..statements import Statement, among, given
from ..tables import statement_assets
from .facets import get_contents, get_facets

TELLING = frozenset({"datasetType", "storage", "catalog", "tags", "jobType", *OWN_FACETS})
"""The facets that a kind follows from."""
MAX_REMEMBERED = 200_000
"""How many contents are remembered; past it, all are forgotten."""
_SPOKEN = Statement(
    select(statement_assets.c.asset_id, statement_assets.c.content_id)
    .where(
        among(statement_assets.c.asset_id, "ids"),
        statement_assets.c.content_id != given("nothing", statement_assets.c.content_id),
    )
    .distinct()
)
_NOTHING: FacetMap = {}


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
        by_id = {asset.id: asset for asset in assets}
        facets = await self._facets(connection, by_id)
        return {key: dataset_kind(_names(asset), facets.get(key, _NOTHING)) for key, asset in by_id.items()}

    async def job_kinds(self, connection: Connection, assets: Iterable[Named]) -> dict[int, JobKind]:
        """The kinds of jobs, by their ids; those not known are left out."""
        facets = await self._facets(connection, {asset.id: asset for asset in assets})
        return {key: kind for key, found in facets.items() if (kind := job_kind(found))}

    async def _facets(self, connection: Connection, assets: Mapping[int, Named]) -> dict[int, FacetMap]:
        """The facets of assets that tell their kind, where there are any."""
        owners = {member: key for key, asset in assets.items() for member in asset.names}
        rows = await _SPOKEN.fetch(connection, ids=list(owners), nothing=NO_CONTENT.id)
        telling = await self._contents(connection, {row[1] for row in rows})
        said: dict[int, list[FacetMap]] = {}
        for asset, content in rows:
            if facets := telling.get(content):
                said.setdefault(owners[asset], []).append(facets)
        found = {key: maps[0] for key, maps in said.items() if all(one == maps[0] for one in maps)}
        unclear = {key: assets[key].names for key in said if key not in found}
        if unclear:
            merged = await get_facets(connection, unclear)
            found.update((key, facet_map(one.facets.values())) for key, one in merged.items())
        return found

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


def _names(asset: Named) -> list[AssetName]:
    """The names of an asset, the one that it is shown under first."""
    return [asset.names[asset.id], *sorted(name for key, name in asset.names.items() if key != asset.id)]
