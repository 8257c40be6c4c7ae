"""Lineage between runs: exactly which writes a run read, and which it made.

This is history: what was deleted since is shown.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from headwater.names import LATEST, DatasetName, DatasetVersionName, RunName, WriteName

from ..domain import ids
from ..domain.errors import NotFound
from ..domain.graph_assets import GraphAsset
from ..domain.lineage import FOREVER, Node, NodeType, Part, Root, RunRoot, Traversal, VersionRoot, WriteRoot
from ..domain.lineage_ports import GraphReader, LeftRecord, RunRecord
from ..domain.model import AssetName, DatasetKind
from ..domain.times import micros_of
from ..domain.versions import WriteRecord, parse_version
from ..domain.walk import Edge, Step
from .lineage_book import Book


class RunKey(NamedTuple):
    """A run, or what it wrote to a dataset; the dataset 0 is the run itself. The first in time comes first."""

    time: datetime
    run: uuid.UUID
    dataset: int


class RunLevel:
    """Walks between runs and writes; `kinds` are those of datasets whose writes are given, all where empty."""

    def __init__(self, reader: GraphReader, book: Book, asked: Traversal) -> None:
        self.roots: Sequence[RunKey] = ()
        self.has_lost = False
        self._reader = reader
        self._book = book
        self._asked = asked
        self._runs: dict[uuid.UUID, RunRecord] = {}
        self._writes: dict[RunKey, WriteRecord] = {}
        self._shown: set[int] = set()
        self._root_keys: set[RunKey] = set()

    async def find_roots(self) -> None:
        """Looks up the nodes that the walk starts from. Raises NotFound."""
        found: list[RunKey] = []
        asked = self._asked.roots
        await self._load_runs({root.run for root in asked if isinstance(root, RunRoot | WriteRoot)})
        for root in asked:
            if isinstance(root, RunRoot):
                found.append(self._root_run(root))
            elif isinstance(root, WriteRoot):
                found.append(await self._root_write(root))
            elif isinstance(root, VersionRoot):
                found += await self._root_version(root)
        self.roots = list(dict.fromkeys(found))
        self._root_keys = set(self.roots)

    def is_shown(self, key: RunKey) -> bool:
        """Whether a node is a run, or of a dataset of a kind that is given."""
        return not self._asked.dataset_kinds or not key.dataset or key.dataset in self._shown or key in self._root_keys

    async def expand(self, keys: Sequence[RunKey], upstream: bool) -> list[Edge[RunKey]] | None:
        """What runs read or wrote, and the runs that made or read writes."""
        self.has_lost = False
        runs = [self._runs[key.run] for key in keys if not key.dataset]
        writes = [key for key in keys if key.dataset]
        if upstream:
            edges = await self._reads(runs) + await self._makers(writes)
        else:
            edges = await self._made(runs) + await self._readers(writes)
        as_of = self._asked.as_of
        return [edge for edge in edges if as_of is None or edge.far.time <= as_of]

    async def pages(
        self, keys: Sequence[RunKey], upstream: bool, among: Collection[RunKey] | None
    ) -> AsyncIterator[list[Edge[RunKey]]]:
        """All at once."""
        yield await self.expand(keys, upstream) or []

    async def show(self, step: Step[RunKey]) -> Part:
        """Runs and writes by name."""
        await self._book.load((), (run.job for run in self._runs.values()))
        written = [key for key, _ in step.nodes if key.dataset]
        kinds = await self._book.dataset_kinds({key.dataset for key in written})
        left = await self._reader.left_behind([self._writes[key] for key in written]) if written else []
        versions = dict(zip(written, left, strict=True))
        nodes = [
            self._write_node(key, depth, kinds[key.dataset], versions[key])
            if key.dataset
            else self._run_node(key, depth)
            for key, depth in step.nodes
        ]
        return Part(nodes, step.links, self._book.job_names(step.links))

    def root_of(self, key: RunKey) -> Root:
        """The run itself, or the write."""
        return WriteRoot(self._book[key.dataset].name, key.run) if key.dataset else RunRoot(key.run)

    def _root_run(self, root: RunRoot) -> RunKey:
        if root.run not in self._runs:
            raise NotFound(str(RunName(str(root.run))))
        return self._run_key(root.run)

    async def _root_write(self, root: WriteRoot) -> RunKey:
        dataset = await self._dataset(root.dataset)
        run = self._runs.get(root.run)
        keys = await self._write_keys(await self._reader.writes([run])) if run else []
        for key in keys:
            if dataset and key.dataset == dataset.id:
                return key
        raise NotFound(str(WriteName(*root.dataset, str(root.run))))

    async def _root_version(self, root: VersionRoot) -> list[RunKey]:
        dataset = await self._dataset(root.dataset)
        if dataset is None:
            raise NotFound(str(DatasetName(*root.dataset)))
        number = parse_version(root.version)
        is_latest = root.version == LATEST
        if is_latest or number is not None:
            limit = self._asked.max_nodes + 1
            writes = await self._reader.version_writes(dataset, None if is_latest else number, limit)
            if writes is not None:
                await self._load_runs({write.run for write in writes})
                return await self._write_keys(writes)
        raise NotFound(str(DatasetVersionName(*root.dataset, root.version)))

    async def _dataset(self, name: AssetName) -> GraphAsset | None:
        asked = ids.dataset_id(*name)
        await self._book.load([asked])
        return self._book.find(asked)

    async def _reads(self, runs: Sequence[RunRecord]) -> list[Edge[RunKey]]:
        reads = await self._reader.reads(runs) if runs else []
        keys = await self._write_keys([read.write for read in reads])
        return [
            _edge(self._run_key(read.run.run), key, read.run.job, read.run.started)
            for read, key in zip(reads, keys, strict=True)
        ]

    async def _made(self, runs: Sequence[RunRecord]) -> list[Edge[RunKey]]:
        writes = await self._reader.writes(runs) if runs else []
        keys = await self._write_keys(writes)
        return [_edge(self._run_key(w.run), key, w.job, w.time) for w, key in zip(writes, keys, strict=True)]

    async def _makers(self, writes: Sequence[RunKey]) -> list[Edge[RunKey]]:
        await self._load_runs({key.run for key in writes})
        return [_edge(key, self._run_key(key.run), self._writes[key].job, key.time) for key in writes]

    async def _readers(self, writes: Sequence[RunKey]) -> list[Edge[RunKey]]:
        if not writes:
            return []
        found = await self._reader.readers([self._writes[key] for key in writes], self._asked.max_nodes + 1)
        self.has_lost = not found.is_whole
        self._runs.update((read.run.run, read.run) for read in found.reads)
        keys = await self._write_keys([read.write for read in found.reads])
        return [
            _edge(key, self._run_key(read.run.run), read.run.job, read.run.started)
            for read, key in zip(found.reads, keys, strict=True)
        ]

    async def _write_keys(self, writes: Sequence[WriteRecord]) -> list[RunKey]:
        """The nodes that writes are; of what a run wrote under several names of a dataset, one that names a version."""
        await self._book.load({write.dataset for write in writes})
        keys = []
        for write in writes:
            asset = self._book.find(write.dataset)
            assert asset is not None
            key = RunKey(write.time, write.run, asset.id)
            self._writes[key] = min(write, self._writes.get(key, write), key=lambda one: one.rank)
            keys.append(key)
        if kinds := self._asked.dataset_kinds:
            datasets = {key.dataset for key in keys}
            found = await self._book.dataset_kinds(datasets)
            self._shown.update(dataset for dataset in datasets if found[dataset] in kinds)
        return keys

    async def _load_runs(self, runs: Iterable[uuid.UUID]) -> None:
        new = set(runs) - self._runs.keys()
        if new:
            self._runs.update(await self._reader.runs(new))

    def _run_key(self, run: uuid.UUID) -> RunKey:
        return RunKey(self._runs[run].started, run, 0)

    def _run_node(self, key: RunKey, depth: int) -> Node:
        run = self._runs[key.run]
        return Node(NodeType.RUN, self._book[run.job].name, depth, run=run.run, state=run.state, time=run.started)

    def _write_node(self, key: RunKey, depth: int, kind: DatasetKind, left: LeftRecord) -> Node:
        name = self._book[key.dataset].name
        version, label = left
        return Node(
            NodeType.WRITE, name, depth, dataset_kind=kind, run=key.run, time=key.time, version=version, label=label
        )


def _edge(near: RunKey, far: RunKey, job: int, time: datetime) -> Edge[RunKey]:
    """What a run did once, at a time."""
    return Edge(near, far, job, False, micros_of(time), FOREVER)
