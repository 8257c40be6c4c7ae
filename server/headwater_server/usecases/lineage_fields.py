"""Lineage between fields.

The empty path is a dataset as a whole. What acts on the whole acts on each of its fields, so a walk that reached the
whole goes on from all of them. What is made of the whole is made of each field, so a walk goes on from a field by the
links of its dataset as a whole too. But that one field is reached says nothing of the others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import NamedTuple

from ..domain import ids
from ..domain.lineage import DatasetRoot, Node, NodeType, Part, Root
from ..domain.lineage_ports import FieldLinkRecord, GraphReader
from ..domain.links import WHOLE
from ..domain.model import DatasetKind, Transformation
from ..domain.walk import Edge, Step
from .lineage_book import Book


class FieldKey(NamedTuple):
    """A field of a dataset; the empty path is the dataset as a whole."""

    dataset: int
    path: str


class FieldLevel:
    """Walks between fields; `kinds` are those of datasets whose fields are given, all where empty."""

    has_lost = False

    def __init__(
        self,
        reader: GraphReader,
        book: Book,
        roots: Sequence[FieldKey],
        kinds: Collection[DatasetKind] = (),
        *,
        exclude_indirect: bool = False,
    ) -> None:
        self.roots = roots
        self._reader = reader
        self._book = book
        self._kinds = frozenset(kinds)
        self._exclude_indirect = exclude_indirect
        self._shown = {root.dataset for root in roots}
        self._transformations: dict[int, tuple[Transformation, ...]] = {}

    def is_shown(self, key: FieldKey) -> bool:
        """Whether a field is of a dataset of a kind that is given."""
        return not self._kinds or key.dataset in self._shown

    async def expand(self, keys: Sequence[FieldKey], upstream: bool) -> list[Edge[FieldKey]] | None:
        """What leads on from fields."""
        owners = await self._owners(keys)
        records = await self._reader.field_links(owners, upstream=upstream, exclude_indirect=self._exclude_indirect)
        return None if records is None else await self._edges(owners, records)

    async def pages(
        self, keys: Sequence[FieldKey], upstream: bool, among: Collection[FieldKey] | None
    ) -> AsyncIterator[list[Edge[FieldKey]]]:
        """What leads on, page by page."""
        owners = await self._owners(keys)
        async for records in self._reader.page_field_links(
            owners,
            upstream=upstream,
            exclude_indirect=self._exclude_indirect,
            among=None if among is None else self._ids(among),
        ):
            yield await self._edges(owners, records)

    async def show(self, step: Step[FieldKey]) -> Part:
        """Nodes and links by name, with how fields are made of others."""
        kinds = await self._book.dataset_kinds({key.dataset for key, _ in step.nodes})
        nodes = [
            Node(
                NodeType.FIELD if key.path else NodeType.DATASET,
                self._book[key.dataset].name,
                depth,
                key.path,
                kinds[key.dataset],
            )
            for key, depth in step.nodes
        ]
        new = {change for link in step.links for change in link.transformations} - self._transformations.keys()
        if new:
            self._transformations.update(await self._reader.transformations(new))
        return Part(nodes, step.links, self._book.job_names(step.links), self._transformations)

    def root_of(self, key: FieldKey) -> Root:
        """The dataset that the field is of."""
        return DatasetRoot(self._book[key.dataset].name)

    async def _owners(self, keys: Iterable[FieldKey]) -> dict[int, FieldKey]:
        """The fields whose links lead on from nodes, by the ids that they are stored under."""
        keys = [key for key in keys if key.dataset in self._book.visible]
        members = self._book.members(key.dataset for key in keys if key.path == WHOLE)
        owners = self._ids(FieldKey(dataset, WHOLE) for dataset in {key.dataset for key in keys})
        owners.update(self._ids(keys))
        if members:
            fields = await self._reader.fields_of(members)
            owners.update((field, FieldKey(members[dataset], path)) for field, (dataset, path) in fields.items())
        return owners

    def _ids(self, keys: Iterable[FieldKey]) -> dict[int, FieldKey]:
        """The ids that fields are stored under: one for each name of their dataset."""
        return {ids.field_id(name, key.path): key for key in keys for name in self._book[key.dataset].names}

    async def _edges(self, owners: dict[int, FieldKey], records: list[FieldLinkRecord]) -> list[Edge[FieldKey]]:
        await self._book.load((record.far for record in records), (record.job for record in records))
        visible = self._book.visible
        edges = [
            Edge(owners[r.near], FieldKey(visible[r.far], r.far_path), r.job, False, r.since, r.until, r.transformation)
            for r in records
            if r.far in visible and r.job in visible
        ]
        if self._kinds:
            datasets = {edge.far.dataset for edge in edges}
            kinds = await self._book.dataset_kinds(datasets)
            self._shown.update(dataset for dataset in datasets if kinds[dataset] in self._kinds)
        return edges
