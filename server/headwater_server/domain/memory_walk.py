"""Walks in a graph in memory, a level at a time over arrays.

It gives what `walk.Walk` gives over the store. Where an answer would have to be cut among links, or is asked in a way
that this does not know, there is none, and the store is asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic

import numpy as np

from . import ids
from .lineage import FOREVER, DatasetRoot, Level, Traversal, Truncation
from .memory_graph import UNKNOWN_KIND, Flag, MemoryGraph
from .memory_links import (
    Bools,
    C,
    Columns,
    Ints,
    LinkColumns,
    Longs,
    Marks,
    concatenate,
    find_among,
    leads_of,
    sorted_once,
)
from .model import Transformation
from .times import micros_of
from .walk import LINKS_FOR_EACH_NODE, MAX_WALKED

MAX_LINKS_AT_ONCE = 100_000
"""How many links of one level are looked at: nobody else gets a turn meanwhile."""
_JOB, _DELETED = np.uint8(Flag.JOB), np.uint8(Flag.DELETED_SET)


@dataclass(frozen=True, slots=True)
class StepEnd:
    """Where a step of a walk ends among the nodes and the links of its answer."""

    nodes: int
    links: int


@dataclass(frozen=True, slots=True)
class FoundFields:
    """What an answer between fields says of its nodes, which are datasets: the field's path, empty for all of it; and
    of its links: a place in `changes`, ways to make a field of another.
    """

    paths: list[bytes]
    change: Ints
    changes: Mapping[int, tuple[Transformation, ...]]


@dataclass(slots=True)
class MemoryAnswer:
    """What a walk found. The ends of links are places of nodes in the answer; jobs are nodes of the graph.

    `doubtful` are nodes of which it has to be asked whether they are hidden: the answer holds only if none is.
    """

    graph: MemoryGraph
    nodes: Ints
    depths: Ints
    links: Columns
    steps: list[StepEnd]
    reasons: tuple[Truncation, ...]
    cut: Ints
    """The nodes whose neighbours were not all given, the near ones first."""
    doubtful: set[int]
    kinds: dict[int, int] = field(default_factory=dict)
    """Kinds of nodes that the graph does not know."""
    fields: FoundFields | None = None

    @property
    def unknown_kinds(self) -> list[int]:
        """The nodes whose kinds have to be asked for."""
        found: list[int] = sorted_once(self.nodes[self.graph.kinds[self.nodes] == UNKNOWN_KIND]).tolist()
        return found


class Unanswerable(Exception):
    """The store has to be asked."""


def walk_memory(graph: MemoryGraph, asked: Traversal, hidden: Mapping[int, bool]) -> MemoryAnswer | None:
    """The answer to a walk between datasets that was checked; None where the store has to be asked.

    `hidden` says of nodes that are deleted, or were, whether they are hidden at the time that is asked about.
    """
    if asked.level is not Level.DATASET:
        return None
    try:
        roots = [int(graph.shown[node]) for node in find_roots(graph, asked)]
        return DatasetWalk(graph, asked, hidden, graph.nodes.marks).answer(roots)
    except Unanswerable:
        return None


def find_roots(graph: MemoryGraph, asked: Traversal) -> list[int]:
    """The nodes of the datasets that are asked about, by the names that they are asked by. Raises Unanswerable."""
    if asked.dataset_kinds or asked.max_nodes > MAX_WALKED:
        raise Unanswerable
    found = [graph.nodes.find(ids.dataset_id(*r.name)) if isinstance(r, DatasetRoot) else -1 for r in asked.roots]
    if not all(0 <= node < graph.node_count for node in found):
        raise Unanswerable
    return found


@dataclass(slots=True)
class MemoryWalk(ABC, Generic[C]):
    """A walk between nodes that `marks` are of. Its methods raise Unanswerable.

    `meets_again` says whether one way may come by the same link several times.
    """

    meets_again: ClassVar[bool] = False
    graph: MemoryGraph
    asked: Traversal
    hidden: Mapping[int, bool]
    marks: Marks
    depth: int = 0
    count: int = 0
    link_count: int = 0
    nodes: list[Ints] = field(default_factory=list)
    depths: list[Ints] = field(default_factory=list)
    links: list[C] = field(default_factory=list)
    keys: list[Longs] = field(default_factory=list)
    cut: list[Ints] = field(default_factory=list)
    steps: list[StepEnd] = field(default_factory=list)
    reasons: set[Truncation] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)

    def answer(self, roots: list[int]) -> MemoryAnswer:
        """What is found from roots, which are given once each."""
        once = dict.fromkeys(roots)
        if len(once) > self.asked.max_nodes:
            raise Unanswerable
        try:
            self._walk(np.array(list(once), np.int32))
            return self._tell()
        finally:
            self._clean()

    @abstractmethod
    def _expand(self, nodes: Ints, upstream: bool) -> C:
        """The links that lead on from nodes, or from parts of them, to what is not hidden."""

    @abstractmethod
    def _rank(self, nodes: Ints) -> Longs | Ints:
        """Numbers in whose order nodes of one depth are given; the nodes themselves where that is their order."""

    @abstractmethod
    def _give_parts(self, found: Mapping[bool, C]) -> None:
        """Gives the nodes that links lead on from and that are not given yet."""

    @abstractmethod
    def _merge(self, links: C, keys: Longs) -> C:
        """Links of one key made one."""

    @abstractmethod
    def _assets(self, nodes: Ints) -> Ints:
        """The nodes of the graph that nodes of this walk are, or are parts of."""

    @abstractmethod
    def _found_fields(self, nodes: Ints, links: C) -> FoundFields | None:
        """What given nodes and links say of fields."""

    def _walk(self, roots: Ints) -> None:
        ways = self.asked.direction.ways
        self._give(roots, 0)
        for way in ways:
            self.marks.seen[way][roots] = True
        self.steps.append(StepEnd(self.count, 0))
        frontier = dict.fromkeys(ways, roots)
        while any(map(len, frontier.values())):
            found = {way: self._expand(nodes, way) for way, nodes in frontier.items()}
            if sum(map(len, found.values())) > MAX_LINKS_AT_ONCE:
                raise Unanswerable
            frontier = self._accept(found)
            for way, links in found.items():
                self._link(links, way)
            if self.link_count > self.asked.max_nodes * LINKS_FOR_EACH_NODE:
                raise Unanswerable
            self.steps.append(StepEnd(self.count, self.link_count))
            self.depth += 1

    def _tell(self) -> MemoryAnswer:
        nodes, links = np.concatenate(self.nodes), concatenate(self.links)
        return MemoryAnswer(
            graph=self.graph,
            nodes=self._assets(nodes),
            depths=np.concatenate(self.depths),
            links=links,
            steps=self.steps,
            reasons=tuple(sorted(self.reasons)),
            cut=np.array(list(dict.fromkeys(self._assets(self._cut_nodes()).tolist())), np.int32),
            doubtful=self.doubtful,
            fields=self._found_fields(nodes, links),
        )

    def _clean(self) -> None:
        """Leaves the marks as they were."""
        for nodes in self.nodes:
            self.marks.places[nodes] = -1
            for seen in self.marks.seen.values():
                seen[nodes] = False

    def _holds(self, links: C) -> Bools:
        if self.asked.as_of is None:
            current: Bools = links.until == FOREVER
            return current
        time = micros_of(self.asked.as_of)
        held: Bools = (links.since <= time) & (links.until > time)
        return held

    def _shows(self, assets: Ints) -> Bools:
        """Whether datasets and jobs are not hidden; those that are in doubt count as shown for now."""
        deleted: Bools = (self.graph.flags.take(assets) & _DELETED) != 0
        if not deleted.any():
            return np.ones(len(assets), np.bool_)
        once = sorted_once(assets[deleted]).tolist()
        self.doubtful.update(node for node in once if node not in self.hidden)
        shown: Bools = ~np.isin(assets, [node for node in once if self.hidden.get(node)])
        return shown

    def _accept(self, found: Mapping[bool, C]) -> dict[bool, Ints]:
        """Goes on from nodes that were not seen on their way; the next frontier."""
        marks = self.marks
        fars = {}
        for way, links in found.items():
            far = links.source if way else links.target
            fars[way] = sorted_once(far[~marks.seen[way].take(far)])
        self._give_parts(found)
        if self.depth >= self.asked.max_depth:
            if any(map(len, fars.values())):
                self.reasons.add(Truncation.MAX_DEPTH)
            return {way: far[:0] for way, far in fars.items()}
        first, *others = fars.values()
        every = sorted_once(np.concatenate([first, *others])) if others else first
        new = every[marks.places.take(every) < 0]
        rank = self._rank(new)
        self._give_some(new if rank is new else new[np.argsort(rank)], self.depth + 1)
        for way, far in fars.items():
            fars[way] = far[marks.places.take(far) >= 0]
            marks.seen[way][fars[way]] = True
        return fars

    def _give_some(self, nodes: Ints, depth: int) -> None:
        """Gives as many of the nodes as there is room for."""
        room = self.asked.max_nodes - self.count
        if len(nodes) > room:
            self.reasons.add(Truncation.MAX_NODES)
        self._give(nodes[:room], depth)

    def _give(self, nodes: Ints, depth: int) -> None:
        self.marks.places[nodes] = np.arange(self.count, self.count + len(nodes), dtype=np.int32)
        self.nodes.append(nodes)
        self.depths.append(np.full(len(nodes), depth, np.int32))
        self.count += len(nodes)

    def _link(self, links: C, upstream: bool) -> None:
        """Notes the links between given nodes, one through a job, and the nodes that lead on to others."""
        places = self.marks.places
        near_node, far_node = (links.target, links.source) if upstream else (links.source, links.target)
        near, far = places.take(near_node), places.take(far_node)
        unseen = ~self.marks.seen[upstream].take(far_node)
        if unseen.any():
            self.cut.append(np.where(far < 0, near_node, far_node)[unseen])
        given = far >= 0
        if (near < 0).any():
            self.cut.append(near_node[near < 0])
            given &= near >= 0
        links = links.between(far, near) if upstream else links.between(near, far)
        if not given.all():
            links = links.take(given)
        keys = self._keys(links)
        if self.keys and (self.meets_again or len(self.asked.direction.ways) > 1):
            new = find_among(keys, np.sort(np.concatenate(self.keys))) < 0
            links, keys = links.take(new), keys[new]
        links = self._merge(links, keys)
        self.keys.append(keys)
        self.links.append(links)
        self.link_count += len(links)

    def _keys(self, links: C) -> Longs:
        """A number for each two nodes and a job."""
        ends = links.source.astype(np.int64) * self.asked.max_nodes + links.target
        keys: Longs = ends * len(self.graph.nodes.ids) + links.job
        return keys

    def _cut_nodes(self) -> Ints:
        """The nodes whose neighbours were not all given, the near ones first."""
        cut = sorted_once(np.concatenate([np.zeros(0, np.int32), *self.cut]))
        places = self.marks.places.take(cut)
        depths = np.where(places < 0, self.depth, np.concatenate(self.depths)[places])
        ordered: Ints = cut[np.lexsort((self._rank(cut), depths))]
        return ordered


class DatasetWalk(MemoryWalk[LinkColumns]):
    """A walk between datasets, and jobs at the ends of the graph."""

    __slots__ = ()

    def _expand(self, nodes: Ints, upstream: bool) -> LinkColumns:
        graph = self.graph
        flags = graph.flags.take(nodes)
        if (flags & (_JOB | _DELETED)).any():
            nodes = nodes[((flags & _JOB) == 0) & self._shows(nodes)]
        found = graph.links(nodes, upstream=upstream)
        holds = self._holds(found)
        for ends in (found.source if upstream else found.target, found.job):
            if graph.has_deleted:
                holds &= self._shows(ends)
        if self.asked.exclude_inferred:
            holds &= ~found.inferred
        return found if holds.all() else found.take(holds)

    def _rank(self, nodes: Ints) -> Longs | Ints:
        if len(nodes) == 0 or nodes.max() < self.graph.nodes.sorted_count:
            return nodes
        return self.graph.nodes.ids[nodes]

    def _give_parts(self, found: Mapping[bool, LinkColumns]) -> None:
        """There are none: links lead on from the nodes themselves."""

    def _merge(self, links: LinkColumns, keys: Longs) -> LinkColumns:
        """What is stated wins over what is inferred."""
        ordered = np.sort(keys)
        leads = leads_of(ordered)
        if len(leads) == len(ordered):
            return links
        found = links.take(np.lexsort((links.inferred, keys)))
        winner = np.repeat(found.inferred[leads], np.diff(np.append(leads, len(ordered))))
        same = found.inferred == winner
        since = np.minimum.reduceat(np.where(same, found.since, FOREVER), leads)
        until = np.maximum.reduceat(np.where(same, found.until, -FOREVER), leads)
        first = found.take(leads)
        return LinkColumns(first.source, first.target, first.job, since, until, first.inferred)

    def _assets(self, nodes: Ints) -> Ints:
        return nodes

    def _found_fields(self, nodes: Ints, links: LinkColumns) -> None:
        """There are none."""
