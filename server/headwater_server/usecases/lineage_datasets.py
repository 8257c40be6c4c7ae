"""Lineage between datasets. A job is a node where it is an end of the graph, or a root; it leads on only as a root."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence

from ..domain.lineage import DatasetRoot, JobRoot, Node, NodeType, Part, Root
from ..domain.lineage_ports import GraphReader
from ..domain.model import DatasetKind
from ..domain.walk import Edge, Step
from .lineage_book import Book


class DatasetLevel:
    """Walks between datasets; `kinds` are those that are given, all where empty."""

    def __init__(
        self,
        reader: GraphReader,
        book: Book,
        roots: Sequence[int],
        kinds: Collection[DatasetKind] = (),
        *,
        exclude_inferred: bool = False,
    ) -> None:
        self.roots = roots
        self.has_lost = False
        self._reader = reader
        self._book = book
        self._kinds = frozenset(kinds)
        self._exclude_inferred = exclude_inferred
        self._shown = set(roots)
        self._root_jobs = {root for root in roots if book[root].is_job}

    def is_shown(self, key: int) -> bool:
        """Whether a dataset is of a kind that is given."""
        return not self._kinds or key in self._shown

    async def expand(self, keys: Sequence[int], upstream: bool) -> list[Edge[int]] | None:
        """What leads on from datasets and from jobs that are roots."""
        self.has_lost = False
        owners = self._owners(keys)
        records = await self._reader.links(owners, upstream=upstream, exclude_inferred=self._exclude_inferred)
        if records is None:
            return None
        edges = await self._edges(owners, records)
        return edges + await self._job_edges(keys, upstream)

    async def pages(
        self, keys: Sequence[int], upstream: bool, among: Collection[int] | None
    ) -> AsyncIterator[list[Edge[int]]]:
        """What leads on, page by page."""
        owners = self._owners(keys)
        if among is None:
            yield await self._job_edges(keys, upstream)
        async for records in self._reader.page_links(
            owners,
            upstream=upstream,
            exclude_inferred=self._exclude_inferred,
            among=None if among is None else self._book.members(among),
        ):
            yield await self._edges(owners, records)

    async def show(self, step: Step[int]) -> Part:
        """Nodes and links by name."""
        return Part(await show_assets(self._book, step), step.links, self._book.job_names(step.links))

    def root_of(self, key: int) -> Root:
        """The dataset or job itself."""
        asset = self._book[key]
        return JobRoot(asset.name) if asset.is_job else DatasetRoot(asset.name)

    def _owners(self, keys: Iterable[int]) -> dict[int, int]:
        """The ids that links are stored under which lead on from nodes."""
        book = self._book
        return book.members(k for k in keys if k in book.visible and (not book[k].is_job or k in self._root_jobs))

    async def _edges(self, owners: dict[int, int], records: list[Edge[int]]) -> list[Edge[int]]:
        await self._book.load((record.far for record in records), (record.job for record in records))
        visible = self._book.visible
        edges = [
            edge
            if owners[edge.near] == edge.near and visible[edge.far] == edge.far
            else edge._replace(near=owners[edge.near], far=visible[edge.far])
            for edge in records
            if edge.far in visible and edge.job in visible
        ]
        if self._kinds:
            await self._choose({edge.far for edge in edges})
        return edges

    async def _job_edges(self, keys: Iterable[int], upstream: bool) -> list[Edge[int]]:
        """What jobs that are roots read or write: their links start and end in datasets."""
        jobs = [key for key in keys if key in self._root_jobs and key in self._book.visible]
        if not jobs:
            return []
        uses = await self._reader.job_ends(jobs, upstream=upstream)
        self.has_lost = not uses.is_whole
        records = [Edge(use.near, use.far, use.stater, False, use.since, use.until) for use in uses.records]
        edges = await self._edges({job: job for job in jobs}, records)
        return [edge for edge in edges if not self._book[edge.far].is_job]

    async def _choose(self, nodes: Collection[int]) -> None:
        datasets = [node for node in nodes if not self._book[node].is_job]
        kinds = await self._book.dataset_kinds(datasets)
        self._shown.update(dataset for dataset in datasets if kinds[dataset] in self._kinds)


async def show_assets(book: Book, step: Step[int]) -> list[Node]:
    """Datasets and jobs as nodes."""
    jobs = [key for key, _ in step.nodes if book[key].is_job]
    job_kinds = await book.job_kinds(jobs)
    dataset_kinds = await book.dataset_kinds({key for key, _ in step.nodes}.difference(jobs))
    return [
        Node(NodeType.JOB, book[key].name, depth, job_kind=job_kinds.get(key))
        if book[key].is_job
        else Node(NodeType.DATASET, book[key].name, depth, dataset_kind=dataset_kinds[key])
        for key, depth in step.nodes
    ]
