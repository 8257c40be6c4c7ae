"""The calls of LineageService: what is upstream, what is downstream, what changed."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import TypedDict, Unpack

from .calling import Asset, Caller
from .listing import Listing
from .retry import Attempts
from .v1 import catalog_pb2, lineage_pb2
from .v1 import lineage_service_pb2 as api
from .values import enum_value, timestamp


class Walk(TypedDict, total=False):
    """Says which way to walk the graph and how far; what is left out is the server's default."""

    direction: api.Direction.ValueType | str
    """UPSTREAM (the default), DOWNSTREAM or BOTH."""

    level: api.Level.ValueType | str
    """DATASET, JOB, FIELD or RUN: what the nodes are. FIELD is the default where a root names a field."""

    field: str
    """The path of a field of the roots."""

    max_depth: int
    """How many links to follow from a root: 20 where 0, 1,000 at most."""

    max_nodes: int
    """How many nodes to give: 1,000 where 0, 20,000 at most."""

    as_of: datetime
    """A time in the past at which the graph is asked."""

    dataset_kinds: Iterable[catalog_pb2.DatasetKind.ValueType | str]
    """The kinds of datasets to give; all where empty."""

    exclude_inferred: bool
    """Whether to leave out inferred links."""

    exclude_indirect: bool
    """Whether to leave out INDIRECT field links."""

    min_position: str
    """The position that the answer must hold at least, as a write returned it."""


class Lineage(Caller):
    """Asks about lineage. Every answer says whether it was cut, and why."""

    async def traverse_lineage(
        self, *roots: Asset, timeout_seconds: float | None = None, **walk: Unpack[Walk]
    ) -> AsyncGenerator[api.TraverseLineageResponse, None]:
        """Walks the graph and gives it in parts, the near nodes first; the last part holds the summary."""
        attempts = Attempts(self.settings, timeout_seconds)
        request = api.TraverseLineageRequest(traversal=await self._traversal(roots, walk, attempts))
        async for part in self._answers(request, api.TraverseLineageResponse, attempts):
            yield part

    async def get_lineage(
        self, *roots: Asset, timeout_seconds: float | None = None, **walk: Unpack[Walk]
    ) -> api.GetLineageResponse:
        """Walks the graph and gives it whole.

        >>> await client.get_lineage("s3://models/churn@3", direction="UPSTREAM", max_depth=5)
        """
        attempts = Attempts(self.settings, timeout_seconds)
        request = api.GetLineageRequest(traversal=await self._traversal(roots, walk, attempts))
        return await self._call(request, api.GetLineageResponse, attempts)

    def search_links(
        self,
        *,
        source: Asset | None = None,
        target: Asset | None = None,
        as_of: datetime | None = None,
        show_history: bool = False,
        field_links: bool = False,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[api.SearchLinksResponse, lineage_pb2.Link]:
        """Lists the links that start from `source`, or lead to `target`. Raises ValueError for both and for none."""
        ends = {field: asset for field, asset in (("source", source), ("target", target)) if asset is not None}
        if len(ends) != 1:
            raise ValueError("give either source or target")
        request = api.SearchLinksRequest(
            as_of=timestamp(as_of), show_history=show_history, field_links=field_links, page_size=page_size
        )
        response = api.SearchLinksResponse
        return self._list(request, response, lambda page: page.links, timeout_seconds, exact=False, **ends)

    async def compare_dataset_versions(
        self, base: Asset, target: Asset, *, timeout_seconds: float | None = None
    ) -> api.CompareDatasetVersionsResponse:
        """Compares two versions field by field, by their resource names or as `namespace/name@version`."""
        request, response = api.CompareDatasetVersionsRequest(), api.CompareDatasetVersionsResponse
        return await self._ask(request, response, timeout_seconds, exact=True, base=base, target=target)

    async def compare_times(
        self,
        *roots: Asset,
        base: datetime,
        target: datetime | None = None,
        timeout_seconds: float | None = None,
        **walk: Unpack[Walk],
    ) -> api.CompareLineageResponse:
        """Compares the lineage of assets at two times, the later one being now where it is not given."""
        attempts = Attempts(self.settings, timeout_seconds)
        traversal = await self._traversal(roots, walk, attempts)
        times = api.TimeComparison(traversal=traversal, base_time=timestamp(base), target_time=timestamp(target))
        return await self._call(api.CompareLineageRequest(times=times), api.CompareLineageResponse, attempts)

    async def compare_runs(
        self, base: Asset, target: Asset, *, timeout_seconds: float | None = None
    ) -> api.CompareLineageResponse:
        """Compares what two runs read and wrote."""
        attempts = Attempts(self.settings, timeout_seconds)
        runs = api.RunComparison(**await self._names({"base": base, "target": target}, attempts, exact=False))
        return await self._call(api.CompareLineageRequest(runs=runs), api.CompareLineageResponse, attempts)

    async def _traversal(self, roots: tuple[Asset, ...], walk: Walk, attempts: Attempts) -> api.Traversal:
        found = [await self._find(root, attempts) for root in roots]
        fields = {each.field for each in found if each.field} | {walk.get("field", "")} - {""}
        if len(fields) > 1:
            raise ValueError(f"a walk starts at one field of its roots, not at {', '.join(sorted(fields))}")
        return api.Traversal(
            roots=[each.version or each.name for each in found],
            field="".join(fields),
            direction=enum_value(api.Direction, walk.get("direction", api.DIRECTION_UNSPECIFIED)),
            level=enum_value(api.Level, walk.get("level", api.LEVEL_FIELD if fields else api.LEVEL_UNSPECIFIED)),
            max_depth=walk.get("max_depth", 0),
            max_nodes=walk.get("max_nodes", 0),
            as_of=timestamp(walk.get("as_of")),
            dataset_kinds=[enum_value(catalog_pb2.DatasetKind, kind) for kind in walk.get("dataset_kinds", ())],
            exclude_inferred=walk.get("exclude_inferred", False),
            exclude_indirect=walk.get("exclude_indirect", False),
            min_position=walk.get("min_position", ""),
        )
