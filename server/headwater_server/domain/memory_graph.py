"""The graph of datasets and jobs in memory: compact arrays, as they were in one snapshot of the store.

A graph is never changed once it is made, so a walk may go on in one while a newer one is made of it. What graphs share
only grows: nodes are added behind those that an older graph knows of. Nodes are numbers from 0; a dataset has one for
each of its names. Times are in microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .graph_assets import GraphAsset
from .model import AssetName

Ints: TypeAlias = NDArray[np.int32]
Longs: TypeAlias = NDArray[np.int64]
Bytes: TypeAlias = NDArray[np.uint8]
Bools: TypeAlias = NDArray[np.bool_]

SPARE_NODES = 65_536
"""How many nodes may be added before the graph has to be read again."""
NO_JOB = 0
"""The id that stands for a job that is not known."""
UNKNOWN_KIND = 255
"""That the kind of a node was not asked for yet, or may change with the next event."""


class Flag(IntFlag):
    """What a node is. DELETED_SET and JOINED are of nodes that datasets are shown as, for all of their names."""

    JOB = 1
    DELETED = 2
    """Deletions are known of it: whether it is hidden depends on what was said since."""
    DELETED_SET = 4
    JOINED = 8
    """It has several names."""


class Nodes:
    """Which nodes there are: their ids and names. The first ones are in the order of ids, the others as they came."""

    def __init__(self, ids: Longs, spaces: Ints, namespaces: list[str], names: bytes, ends: Longs) -> None:
        """`names` are one behind the other, and `ends` where each ends; `spaces` are places in `namespaces`."""
        self.sorted_count = len(ids)
        self.count = len(ids)
        self.ids: Longs = np.concatenate([ids, np.zeros(SPARE_NODES, np.int64)])
        self.namespaces = namespaces
        self.spaces: Ints = np.concatenate([spaces, np.zeros(SPARE_NODES, np.int32)])
        self.marks = Marks(len(self.ids))
        self._names = names
        self._starts = np.concatenate([np.zeros(1, np.int64), ends])
        self._later: dict[int, int] = {}
        self._later_names: list[bytes] = []
        self._spaces_by_name = {name: place for place, name in enumerate(namespaces)}

    def find(self, asset: int) -> int:
        """The node with an id; -1 where there is none."""
        place = int(np.searchsorted(self.ids[: self.sorted_count], asset))
        if place < self.sorted_count and self.ids[place] == asset:
            return place
        return self._later.get(asset, -1)

    def find_all(self, assets: Longs) -> Ints:
        """The nodes with these ids; -1 where there is none."""
        known = self.ids[: self.sorted_count]
        places = np.searchsorted(known, assets).astype(np.int32)
        places[places == len(known)] = 0
        missing = known[places] != assets if len(known) else np.ones(len(assets), np.bool_)
        places[missing] = [self._later.get(asset, -1) for asset in assets[missing].tolist()]
        return places

    def name_bytes(self, node: int) -> bytes:
        """The name in its namespace, in UTF-8."""
        if node >= self.sorted_count:
            return self._later_names[node - self.sorted_count]
        return self._names[self._starts[node] : self._starts[node + 1]]

    def name_list(self, nodes: Ints) -> list[bytes]:
        """The names of nodes."""
        if len(nodes) and int(nodes.max()) >= self.sorted_count:
            return [self.name_bytes(node) for node in nodes.tolist()]
        names = self._names
        ranges = zip(self._starts[nodes].tolist(), self._starts[nodes + 1].tolist(), strict=True)
        return [names[start:end] for start, end in ranges]

    def name(self, node: int) -> AssetName:
        """The name of a node."""
        return AssetName(self.namespaces[self.spaces[node]], self.name_bytes(node).decode())

    def add(self, assets: Mapping[int, AssetName]) -> bool:
        """Adds nodes that are new; False where there is no room for them."""
        new = {asset: name for asset, name in assets.items() if self.find(asset) < 0}
        if self.count + len(new) > len(self.ids):
            return False
        for asset, name in new.items():
            self.ids[self.count] = asset
            self.spaces[self.count] = self._space(name.namespace)
            self._later[asset] = self.count
            self._later_names.append(name.name.encode())
            self.count += 1
        return True

    def _space(self, namespace: str) -> int:
        if namespace not in self._spaces_by_name:
            self._spaces_by_name[namespace] = len(self.namespaces)
            self.namespaces.append(namespace)
        return self._spaces_by_name[namespace]


class Marks:
    """What a walk notes of nodes: one at a time, and it leaves everything as it was."""

    def __init__(self, size: int) -> None:
        self.places: Ints = np.full(size, -1, np.int32)
        self.seen: dict[bool, Bools] = {way: np.zeros(size, np.bool_) for way in (False, True)}


@dataclass(frozen=True, slots=True)
class Index:
    """Finds the links of nodes at one of their ends: those of the node `nodes[i]`, or i where `nodes` is None, are
    `order[starts[i]:starts[i + 1]]`; without an order, the links lie so themselves.
    """

    starts: Ints
    order: Ints | None
    nodes: Ints | None

    def find(self, asked: Ints) -> Ints:
        """The places of the links of nodes."""
        if self.nodes is None:
            rows = asked[asked < len(self.starts) - 1]
        elif len(self.nodes) == 0:
            return np.zeros(0, np.int32)
        else:
            rows = np.searchsorted(self.nodes, asked).astype(np.int32)
            rows[rows == len(self.nodes)] = 0
            rows = rows[self.nodes[rows] == asked]
        starts = self.starts.take(rows)
        counts = self.starts.take(rows + 1) - starts
        ends = counts.cumsum(dtype=np.int32)
        places = np.arange(ends[-1] if len(ends) else 0, dtype=np.int32)
        places += (starts - ends + counts).repeat(counts)
        return places if self.order is None else self.order.take(places)


@dataclass(frozen=True, slots=True)
class LinkColumns:
    """Links as the store has them, by columns; the ends are nodes."""

    source: Ints
    target: Ints
    job: Ints
    inferred: Bools
    since: Longs
    until: Longs

    def __len__(self) -> int:
        return len(self.source)

    def take(self, chosen: NDArray[Any]) -> LinkColumns:
        """Some of the links: their places, or whether each is one of them."""
        places = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        return LinkColumns.of(column.take(places) for column in self.columns)

    @classmethod
    def of(cls, columns: Iterable[Any]) -> LinkColumns:
        """Links of columns in their order."""
        return cls(*columns)

    @property
    def columns(self) -> tuple[Ints, Ints, Ints, Bools, Longs, Longs]:
        """The columns in their order."""
        return self.source, self.target, self.job, self.inferred, self.since, self.until


@dataclass(frozen=True, slots=True)
class IndexedLinks:
    """Links that are found by either end, in the order of their sources."""

    links: LinkColumns
    by_source: Index
    by_target: Index

    def find(self, nodes: Ints, *, upstream: bool) -> LinkColumns:
        """The links that lead on from nodes."""
        return self.links.take((self.by_target if upstream else self.by_source).find(nodes))


def index_all(links: LinkColumns, node_count: int) -> IndexedLinks:
    """Links of most nodes; where they are in the order of their sources they are taken as they are, without a copy."""
    is_ordered = bool((links.source[1:] >= links.source[:-1]).all())
    ordered = links if is_ordered else links.take(np.argsort(links.source, kind="stable").astype(np.int32))
    order = np.argsort(ordered.target, kind="stable").astype(np.int32)
    return IndexedLinks(
        ordered,
        Index(_starts(ordered.source, node_count), None, None),
        Index(_starts(ordered.target, node_count), order, None),
    )


def index_few(links: LinkColumns) -> IndexedLinks:
    """Links of few nodes."""
    ordered = links.take(np.argsort(links.source, kind="stable").astype(np.int32))
    order = np.argsort(ordered.target, kind="stable").astype(np.int32)
    indexes = []
    for ends, places in ((ordered.source, None), (ordered.target[order], order)):
        nodes, starts = np.unique(ends, return_index=True)
        indexes.append(Index(np.append(starts, len(ends)).astype(np.int32), places, nodes.astype(np.int32)))
    return IndexedLinks(ordered, *indexes)


def _starts(ends: Ints, node_count: int) -> Ints:
    counts = np.bincount(ends, minlength=node_count)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def sorted_once(nodes: Ints) -> Ints:
    """Nodes in their order, each once; `np.unique` is slower where most of them are there once."""
    ordered = np.sort(nodes)
    if len(ordered) < 2:
        return ordered
    is_first = np.empty(len(ordered), np.bool_)
    is_first[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]


def concatenate(parts: Iterable[LinkColumns]) -> LinkColumns:
    """Links one behind the other."""
    return LinkColumns.of(map(np.concatenate, zip(*(part.columns for part in parts), strict=True)))


def no_links() -> LinkColumns:
    """No links."""
    ends, times = np.zeros(0, np.int32), np.zeros(0, np.int64)
    return LinkColumns(ends, ends, ends, np.zeros(0, np.bool_), times, times)


@dataclass(frozen=True, slots=True)
class MemoryGraph:
    """The graph in one snapshot, whose last position it surely holds is `position`.

    By node there are what it is `shown` as, its `flags` (`has_deleted` where deletions are known of any), its kind (a
    number of `DatasetKind` or `JobKind`, 0 for none) and, of a job, whether `base` is out of date about it: then its
    links are those in `delta`. `joined` are the nodes of datasets with several names, by what they are shown as.
    """

    position: str
    nodes: Nodes
    node_count: int
    shown: Ints
    flags: Bytes
    has_deleted: bool
    kinds: Bytes
    outdated: Bools
    base: IndexedLinks
    delta: IndexedLinks
    joined: Mapping[int, tuple[int, ...]]

    def links(self, nodes: Ints, *, upstream: bool) -> LinkColumns:
        """The links that lead on from nodes that datasets are shown as; the ends too are what is shown."""
        owners = self._owners(nodes)
        found = self.base.find(owners, upstream=upstream)
        if len(self.delta.links):
            found = found.take(~self.outdated[found.job])
            more = self.delta.find(owners, upstream=upstream)
            found = concatenate([found, more])
        if not self.joined:
            return found
        return LinkColumns(self.shown.take(found.source), self.shown.take(found.target), *found.columns[2:])

    def asset(self, node: int) -> GraphAsset:
        """What a node is shown as, by name."""
        nodes, shown = self.nodes, int(self.shown[node])
        members = self.joined.get(shown, (shown,))
        names = {int(nodes.ids[member]): nodes.name(member) for member in members}
        return GraphAsset(int(nodes.ids[shown]), names, is_job=self.is_job(shown), is_hidden=False)

    def is_job(self, node: int) -> bool:
        """Whether a node is a job."""
        return bool(self.flags[node] & Flag.JOB)

    def _owners(self, nodes: Ints) -> Ints:
        if not self.joined:
            return nodes
        several = (self.flags[nodes] & Flag.JOINED) != 0
        if not several.any():
            return nodes
        members = [member for node in nodes[several].tolist() for member in self.joined[node]]
        return np.concatenate([nodes[~several], np.array(members, np.int32)])
