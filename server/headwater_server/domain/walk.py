"""A walk through a graph that somebody else finds the links of: breadth first, bounded, and saying where it was cut.

The walk asks for nothing itself: `frontier` says which nodes to look at next, and `take` is given what leads on from
them. It knows no more of a node than its key, whose order is the order of nodes at one depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from .lineage import NodeLink, Truncation

K = TypeVar("K", bound=Any)
LINKS_FOR_EACH_NODE = 10
"""How many links an answer holds for each node that it may hold."""
MAX_WALKED = 200_000
"""How many nodes are walked through at most, those that are left out of the answer included."""


class Edge(NamedTuple, Generic[K]):
    """What leads on from a node: `near` is where it starts (the node, or a part of it), `far` where it leads.

    `since` and `until` are in microseconds since 1970, the latter FOREVER where the edge has no end.
    """

    near: K
    far: K
    job: int
    inferred: bool
    since: int
    until: int
    transformation: int = 0


class Step(NamedTuple, Generic[K]):
    """What a part of a walk adds to its answer: nodes with their depths, and links."""

    nodes: list[tuple[K, int]]
    links: list[NodeLink]


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a walk goes, in links from a root, and how many nodes and links it gives."""

    max_depth: int
    max_nodes: int

    @property
    def max_links(self) -> int:
        """How many links the answer holds at most."""
        return self.max_nodes * LINKS_FOR_EACH_NODE


class Walk(Generic[K]):
    """A walk in one direction or in both at once; `is_shown` says of a node that is no root whether it is given."""

    def __init__(
        self, roots: Iterable[K], ways: Iterable[bool], limits: Limits, is_shown: Callable[[K], bool] = lambda _: True
    ) -> None:
        self.depth = 0
        self.places: dict[K, int] = {}
        self.reasons: set[Truncation] = set()
        self.link_count = 0
        self._limits = limits
        self._is_shown = is_shown
        self._depths: dict[K, int] = {}
        self._links: set[tuple[int, int, int]] = set()
        self._cut: dict[K, None] = {}
        starts = list(dict.fromkeys(roots))
        for root in starts[: limits.max_nodes]:
            self._give(root, 0)
        if len(starts) > limits.max_nodes:
            self.cut(starts[limits.max_nodes :], Truncation.MAX_NODES)
        self.frontier = {way: list(self.places) for way in ways}
        self._seen = {way: set(self.places) for way in ways}
        self._next: dict[bool, list[K]] = {way: [] for way in ways}

    def is_closing(self) -> bool:
        """Whether the walk takes no more nodes: it only looks for the links between those that it has."""
        return self.depth >= self._limits.max_depth or Truncation.MAX_NODES in self.reasons

    @property
    def cut_nodes(self) -> list[K]:
        """The nodes whose neighbours were not all given, the near ones first."""
        return sorted(self._cut, key=lambda key: (self._depths.get(key, self.depth), key))

    def roots(self) -> Step[K]:
        """The first step: the roots."""
        return Step([(root, 0) for root in self.places], [])

    def take(self, found: Mapping[bool, Sequence[Edge[K]]]) -> Step[K]:
        """Goes on from the frontier by edges, given by their way: what they add to the answer."""
        if self.link_count + sum(map(len, found.values())) > self._limits.max_links:
            found = {way: sorted(edges, key=lambda edge: edge[:3]) for way, edges in found.items()}
        nears = {edge.near for edges in found.values() for edge in edges}
        fars = [(far, way) for way, edges in found.items() for far in {edge.far for edge in edges} - self._seen[way]]
        given = [key for key in sorted(nears - self.places.keys()) if self._give_part(key)]
        given += [key for key, way in sorted(fars) if self._accept(way, key)]
        links = [link for way, edges in found.items() for link in self._link(way, edges)]
        return Step([(key, self._depths[key]) for key in given], links)

    def descend(self) -> None:
        """Ends a level: the nodes that it found are the frontier."""
        self.frontier, self._next = self._next, {way: [] for way in self._next}
        self.depth += 1

    def cut(self, keys: Iterable[K], reason: Truncation) -> None:
        """Says that not all neighbours of nodes are given."""
        self._cut.update(dict.fromkeys(keys))
        self.reasons.add(reason)

    def close(self, keys: Iterable[K]) -> None:
        """Says that nodes lead on to more than is looked at, because the walk takes no more nodes."""
        is_deep = self.depth >= self._limits.max_depth
        self.cut(keys, Truncation.MAX_DEPTH if is_deep else Truncation.MAX_NODES)

    def stop(self, reason: Truncation) -> None:
        """Ends the walk where it is."""
        for nodes in (*self.frontier.values(), *self._next.values()):
            if nodes:
                self.cut(nodes, reason)
        self.frontier = {way: [] for way in self.frontier}

    def _give(self, key: K, depth: int) -> None:
        self.places[key] = len(self.places)
        self._depths[key] = depth

    def _give_part(self, key: K) -> bool:
        """Gives a part of a node of the frontier that is not given yet."""
        if not self._is_shown(key):
            return False
        if self.depth >= self._limits.max_depth:
            self.reasons.add(Truncation.MAX_DEPTH)
            return False
        if self._is_full():
            self.reasons.add(Truncation.MAX_NODES)
            return False
        self._give(key, self.depth)
        return True

    def _is_full(self) -> bool:
        return len(self.places) >= self._limits.max_nodes

    def _accept(self, upstream: bool, key: K) -> bool:
        """Goes on from a node that was not seen on this way; whether it is new in the answer."""
        is_known = key in self.places
        is_new = not is_known and self._is_shown(key)
        if self.depth >= self._limits.max_depth:
            self.reasons.add(Truncation.MAX_DEPTH)
            return False
        if (is_new and self._is_full()) or len(self._seen[upstream]) >= MAX_WALKED:
            self.reasons.add(Truncation.MAX_NODES)
        if Truncation.MAX_NODES in self.reasons and not is_known:
            return False
        self._seen[upstream].add(key)
        self._next[upstream].append(key)
        if is_new:
            self._give(key, self.depth + 1)
        return is_new

    def _link(self, upstream: bool, edges: Sequence[Edge[K]]) -> list[NodeLink]:
        """The links that edges are; edges between the same nodes through the same job are one."""
        found: dict[tuple[int, int, int], NodeLink] = {}
        places, seen = self.places, self._seen[upstream]
        for start, end, job, inferred, since, until, change in edges:
            near, far = places.get(start), places.get(end)
            if end not in seen:
                self._cut[start if far is None else end] = None
            if near is None or far is None:
                if near is None and self._is_shown(start):
                    self._cut[start] = None
                continue
            key = (far, near, job) if upstream else (near, far, job)
            link = NodeLink(*key, inferred, since, until, (change,) if change else ())
            if key in found:
                link = _merge(found[key], link)
            elif key in self._links:
                continue
            elif self.link_count + len(found) >= self._limits.max_links:
                self.cut([start], Truncation.MAX_LINKS)
                continue
            found[key] = link
        self._links.update(found)
        self.link_count += len(found)
        return list(found.values())


def _merge(one: NodeLink, other: NodeLink) -> NodeLink:
    """One link of two that hold at one time; what is stated wins over what is inferred."""
    if one.inferred != other.inferred:
        return other if one.inferred else one
    since, until = min(one.since, other.since), max(one.until, other.until)
    changes = tuple(sorted({*one.transformations, *other.transformations}))
    return one._replace(since=since, until=until, transformations=changes)
