"""The graph of datasets and jobs in memory: compact arrays, as they were in one snapshot of the store.

A graph is never changed once it is made, so a walk may go on in one while a newer one is made of it. What graphs share
only grows: nodes are added behind those that an older graph knows of. Nodes are numbers from 0; a dataset has one for
each of its names. Times are in microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from .graph_assets import GraphAsset
from .memory_fields import FieldGraph
from .memory_links import Bools, Bytes, IndexedLinks, Ints, LinkColumns, Longs, Marks, Texts, concatenate, find_among
from .model import AssetName

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


_JOB = int(Flag.JOB)


class Nodes:
    """Which nodes there are: their ids and names. The first ones are in the order of ids, the others as they came."""

    def __init__(self, ids: Longs, spaces: Ints, namespaces: list[str], names: Texts) -> None:
        """`spaces` are places in `namespaces`."""
        self.sorted_count = len(ids)
        self.count = len(ids)
        self.ids: Longs = np.concatenate([ids, np.zeros(SPARE_NODES, np.int64)])
        self.namespaces = namespaces
        self.spaces: Ints = np.concatenate([spaces, np.zeros(SPARE_NODES, np.int32)])
        self.marks = Marks(len(self.ids))
        self._names = names
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
        places = find_among(assets, self.ids[: self.sorted_count])
        missing = places < 0
        places[missing] = [self._later.get(asset, -1) for asset in assets[missing].tolist()]
        return places

    def name_bytes(self, node: int) -> bytes:
        """The name in its namespace, in UTF-8."""
        if node >= self.sorted_count:
            return self._later_names[node - self.sorted_count]
        return self._names.one(node)

    def name_list(self, nodes: Ints) -> list[bytes]:
        """The names of nodes."""
        if len(nodes) and int(nodes.max()) >= self.sorted_count:
            return [self.name_bytes(node) for node in nodes.tolist()]
        return self._names.many(nodes)

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
    base: IndexedLinks[LinkColumns]
    delta: IndexedLinks[LinkColumns]
    joined: Mapping[int, tuple[int, ...]]
    fields: FieldGraph | None = None
    """Fields as they were when `base` was read, where they were read."""

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
        return found.between(self.shown.take(found.source), self.shown.take(found.target))

    def asset(self, node: int) -> GraphAsset:
        """What a node is shown as, by name."""
        nodes, shown = self.nodes, int(self.shown[node])
        members = self.joined.get(shown, (shown,))
        names = {int(nodes.ids[member]): nodes.name(member) for member in members}
        return GraphAsset(int(nodes.ids[shown]), names, is_job=self.is_job(shown), is_hidden=False)

    def is_job(self, node: int) -> bool:
        """Whether a node is a job."""
        return self.flags.item(node) & _JOB != 0

    def _owners(self, nodes: Ints) -> Ints:
        if not self.joined:
            return nodes
        several = (self.flags[nodes] & Flag.JOINED) != 0
        if not several.any():
            return nodes
        members = [member for node in nodes[several].tolist() for member in self.joined[node]]
        return np.concatenate([nodes[~several], np.array(members, np.int32)])
