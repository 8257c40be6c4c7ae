"""Walks between datasets in a graph in memory, a level at a time over arrays.

It gives what `walk.Walk` gives over the store. Where an answer would have to be cut among links, or is asked in a way
that this does not know, there is none, and the store is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from . import ids
from .lineage import FOREVER, DatasetRoot, Level, Traversal, Truncation
from .memory_graph import (
    UNKNOWN_KIND,
    Bools,
    Flag,
    Ints,
    LinkColumns,
    Longs,
    MemoryGraph,
    concatenate,
    no_links,
    sorted_once,
)
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


@dataclass(slots=True)
class MemoryAnswer:
    """What a walk found. The ends of links are places of nodes in the answer; jobs are nodes of the graph.

    `doubtful` are nodes of which it has to be asked whether they are hidden: the answer holds only if none is.
    """

    graph: MemoryGraph
    nodes: Ints
    depths: Ints
    links: LinkColumns
    steps: list[StepEnd]
    reasons: tuple[Truncation, ...]
    cut: Ints
    """The nodes whose neighbours were not all given, the near ones first."""
    doubtful: set[int]
    kinds: dict[int, int] = field(default_factory=dict)
    """Kinds of nodes that the graph does not know."""

    @property
    def unknown_kinds(self) -> list[int]:
        """The nodes whose kinds have to be asked for."""
        found: list[int] = self.nodes[self.graph.kinds[self.nodes] == UNKNOWN_KIND].tolist()
        return found


def walk_memory(graph: MemoryGraph, asked: Traversal, hidden: Mapping[int, bool]) -> MemoryAnswer | None:
    """The answer to a walk that was checked; None where the store has to be asked.

    `hidden` says of nodes that are deleted, or were, whether they are hidden at the time that is asked about.
    """
    if asked.level is not Level.DATASET or asked.dataset_kinds or asked.max_nodes > MAX_WALKED:
        return None
    roots: dict[int, None] = {}
    for root in asked.roots:
        node = graph.nodes.find(ids.dataset_id(*root.name)) if isinstance(root, DatasetRoot) else -1
        if not 0 <= node < graph.node_count:
            return None
        roots[int(graph.shown[node])] = None
    if len(roots) > asked.max_nodes:
        return None
    walk = _Walk(graph, asked, hidden)
    try:
        return walk.run(np.array(list(roots), np.int32))
    finally:
        walk.clean()


@dataclass(slots=True)
class _Walk:
    graph: MemoryGraph
    asked: Traversal
    hidden: Mapping[int, bool]
    depth: int = 0
    count: int = 0
    link_count: int = 0
    nodes: list[Ints] = field(default_factory=list)
    depths: list[Ints] = field(default_factory=list)
    links: list[LinkColumns] = field(default_factory=list)
    keys: list[Longs] = field(default_factory=list)
    cut: list[Ints] = field(default_factory=list)
    steps: list[StepEnd] = field(default_factory=list)
    reasons: set[Truncation] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)

    def run(self, roots: Ints) -> MemoryAnswer | None:
        ways = self.asked.direction.ways
        self._give(roots, 0)
        for way in ways:
            self.graph.nodes.marks.seen[way][roots] = True
        self.steps.append(StepEnd(self.count, 0))
        frontier = dict.fromkeys(ways, roots)
        while any(map(len, frontier.values())):
            found = {way: self._expand(nodes, way) for way, nodes in frontier.items()}
            if sum(map(len, found.values())) > MAX_LINKS_AT_ONCE:
                return None
            frontier = self._accept(found)
            for way, links in found.items():
                self._link(links, way)
            if self.link_count > self.asked.max_nodes * LINKS_FOR_EACH_NODE:
                return None
            self.steps.append(StepEnd(self.count, self.link_count))
            self.depth += 1
        return self._answer()

    def clean(self) -> None:
        """Leaves the marks as they were."""
        marks = self.graph.nodes.marks
        for nodes in self.nodes:
            marks.places[nodes] = -1
            for seen in marks.seen.values():
                seen[nodes] = False

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

    def _holds(self, links: LinkColumns) -> Bools:
        if self.asked.as_of is None:
            current: Bools = links.until == FOREVER
            return current
        time = micros_of(self.asked.as_of)
        held: Bools = (links.since <= time) & (links.until > time)
        return held

    def _shows(self, nodes: Ints) -> Bools:
        """Whether nodes are not hidden; those that are in doubt count as shown for now."""
        deleted: Bools = (self.graph.flags.take(nodes) & _DELETED) != 0
        if not deleted.any():
            return np.ones(len(nodes), np.bool_)
        once = sorted_once(nodes[deleted]).tolist()
        self.doubtful.update(node for node in once if node not in self.hidden)
        shown: Bools = ~np.isin(nodes, [node for node in once if self.hidden.get(node)])
        return shown

    def _accept(self, found: Mapping[bool, LinkColumns]) -> dict[bool, Ints]:
        """Goes on from nodes that were not seen on their way; the next frontier."""
        marks = self.graph.nodes.marks
        fars = {}
        for way, links in found.items():
            far = links.source if way else links.target
            fars[way] = sorted_once(far[~marks.seen[way].take(far)])
        if self.depth >= self.asked.max_depth:
            if any(map(len, fars.values())):
                self.reasons.add(Truncation.MAX_DEPTH)
            return {way: far[:0] for way, far in fars.items()}
        first, *others = fars.values()
        every = sorted_once(np.concatenate([first, *others])) if others else first
        new = self._ordered(every[marks.places.take(every) < 0])
        room = self.asked.max_nodes - self.count
        if len(new) > room:
            self.reasons.add(Truncation.MAX_NODES)
        self._give(new[:room], self.depth + 1)
        for way, far in fars.items():
            fars[way] = far[marks.places.take(far) >= 0]
            marks.seen[way][fars[way]] = True
        return fars

    def _ordered(self, nodes: Ints) -> Ints:
        """Nodes in the order of their ids, given them in that of their numbers; that is most often the same."""
        graph_nodes = self.graph.nodes
        if len(nodes) == 0 or nodes[-1] < graph_nodes.sorted_count:
            return nodes
        return nodes[np.argsort(graph_nodes.ids[nodes])]

    def _give(self, nodes: Ints, depth: int) -> None:
        self.graph.nodes.marks.places[nodes] = np.arange(self.count, self.count + len(nodes), dtype=np.int32)
        self.nodes.append(nodes)
        self.depths.append(np.full(len(nodes), depth, np.int32))
        self.count += len(nodes)

    def _link(self, links: LinkColumns, upstream: bool) -> None:
        """Notes the links between given nodes, one through a job, and the nodes that lead on to others."""
        marks = self.graph.nodes.marks
        source, target = marks.places.take(links.source), marks.places.take(links.target)
        near, far = (target, source) if upstream else (source, target)
        unseen = ~marks.seen[upstream].take(links.source if upstream else links.target)
        if unseen.any():
            self.cut.append(np.where(far < 0, near, far)[unseen])
        links = LinkColumns(source, target, *links.columns[2:])
        if (far < 0).any():
            links = links.take(far >= 0)
        keys = self._keys(links)
        if self.keys and len(self.asked.direction.ways) > 1:
            new = ~np.isin(keys, np.concatenate(self.keys))
            links, keys = links.take(new), keys[new]
        links = _merge(links, keys)
        self.keys.append(keys)
        self.links.append(links)
        self.link_count += len(links)

    def _keys(self, links: LinkColumns) -> Longs:
        """A number for each two nodes and a job."""
        ends = links.source.astype(np.int64) * self.asked.max_nodes + links.target
        keys: Longs = ends * len(self.graph.nodes.ids) + links.job
        return keys

    def _answer(self) -> MemoryAnswer:
        nodes, depths = np.concatenate(self.nodes), np.concatenate(self.depths)
        cut = np.unique(np.concatenate(self.cut)) if self.cut else nodes[:0]
        cut = cut[np.lexsort((self.graph.nodes.ids[nodes[cut]], depths[cut]))]
        return MemoryAnswer(
            graph=self.graph,
            nodes=nodes,
            depths=depths,
            links=concatenate(self.links or [no_links()]),
            steps=self.steps,
            reasons=tuple(sorted(self.reasons)),
            cut=nodes[cut],
            doubtful=self.doubtful,
        )


def _merge(links: LinkColumns, keys: Longs) -> LinkColumns:
    """Links of one key made one: what is stated wins over what is inferred."""
    ordered = np.sort(keys)
    is_first = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    if is_first.all():
        return links
    found = links.take(np.lexsort((links.inferred, keys)))
    leads = np.flatnonzero(is_first)
    winner = np.repeat(found.inferred[leads], np.diff(np.append(leads, len(ordered))))
    same = found.inferred == winner
    since = np.minimum.reduceat(np.where(same, found.since, FOREVER), leads)
    until = np.maximum.reduceat(np.where(same, found.until, -FOREVER), leads)
    return LinkColumns(*found.take(leads).columns[:4], since, until)
