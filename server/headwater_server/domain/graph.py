"""Lineage over links that are all at hand: what an answer is, said plainly.

It is the oracle that walks over a store are tested against: it looks at every link at every step, and knows of no
pages, limits of links, or deadlines. Times are in microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from .lineage import FOREVER
from .links import WHOLE
from .walk import Edge

FieldName = tuple[int, str]
"""A field by dataset and path."""


class StoredLink(NamedTuple):
    """A link as it is stored: between datasets or jobs, through a job; 0 where none is known."""

    source: int
    target: int
    job: int
    inferred: bool = False
    since: int = 0
    until: int = FOREVER


class StoredFieldLink(NamedTuple):
    """A link between fields as it is stored."""

    source: FieldName
    target: FieldName
    job: int
    is_direct: bool = True
    since: int = 0
    until: int = FOREVER


@dataclass(frozen=True)
class Graph:
    """Links, which of the ids in them are jobs, and under which id each dataset is shown that is joined with others.

    `hidden` are assets, by the ids that they are shown under, at the time that is asked about; None is now.
    """

    links: Collection[StoredLink] = ()
    field_links: Collection[StoredFieldLink] = ()
    jobs: Collection[int] = ()
    shown: Mapping[int, int] = field(default_factory=dict)
    hidden: Collection[int] = ()
    time: int | None = None

    def visible_links(self) -> Iterable[StoredLink]:
        """The links that hold, between assets as they are shown."""
        return (link for link in self.current_links() if self.shows(link.source, link.target, link.job))

    def current_links(self) -> Iterable[StoredLink]:
        """The links that hold, between assets under the ids that they are shown under; hidden ones too."""
        for link in self.links:
            if self._holds(link.since, link.until):
                yield link._replace(source=self._id(link.source), target=self._id(link.target))

    def visible_field_links(self) -> Iterable[StoredFieldLink]:
        """The links between fields that hold, between assets as they are shown."""
        for link in self.field_links:
            source, target = (self._id(link.source[0]), link.source[1]), (self._id(link.target[0]), link.target[1])
            if self._holds(link.since, link.until) and self.shows(source[0], target[0], link.job):
                yield link._replace(source=source, target=target)

    def shows(self, *assets: int) -> bool:
        """Whether none of the assets is hidden."""
        return not any(asset in self.hidden for asset in assets)

    def _id(self, asset: int) -> int:
        return self.shown.get(asset, asset)

    def _holds(self, since: int, until: int) -> bool:
        return until == FOREVER if self.time is None else since <= self.time < until


class Lead(NamedTuple):
    """That a walk goes on from one state to another; it shows the link between two nodes."""

    state: Any
    next_state: Any
    edge: Edge[Any]


@dataclass(frozen=True)
class Lineage:
    """What a walk reaches: the depth of each node, the links, and whether there is more beyond its depth."""

    depths: Mapping[Any, int]
    links: frozenset[tuple[Any, Any, int, bool, int, int]]
    is_deeper: bool


def dataset_leads(graph: Graph, roots: Collection[int], upstream: bool, *, exclude_inferred: bool) -> list[Lead]:
    """Where a walk between datasets goes: a job leads on only as a root, to what it reads or writes."""
    root_jobs = set(roots).intersection(graph.jobs).difference(graph.hidden)
    leads = [
        _lead(link.source, link.target, link, upstream)
        for link in graph.visible_links()
        if not (link.inferred and exclude_inferred)
    ]
    leads += [
        Lead(end.near, end.far, Edge(end.near, end.far, end.job, False, end.since, end.until))
        for end in _ends(graph, upstream)
        if end.near in root_jobs and end.far not in graph.jobs
    ]
    return [lead for lead in leads if lead.state not in graph.jobs or lead.state in root_jobs]


def job_leads(graph: Graph, roots: Collection[int], upstream: bool) -> list[Lead]:
    """Where a walk between jobs goes: from what writes to what reads; a dataset leads to jobs only as a root."""
    ends, users = list(_ends(graph, upstream)), [use for use in _ends(graph, not upstream) if use.far not in graph.jobs]
    edges = [end for end in ends if end.far in graph.jobs]
    edges += [
        Edge(end.near, use.near, 0, False, max(end.since, use.since), min(end.until, use.until))
        for end, use in product(ends, users)
        if end.far == use.far
    ]
    edges += [use._replace(near=use.far, far=use.near) for use in users if use.far in roots]
    return [Lead(edge.near, edge.far, edge._replace(job=0)) for edge in edges]


def field_leads(graph: Graph, roots: Collection[FieldName], upstream: bool, *, exclude_indirect: bool) -> list[Lead]:
    """Where a walk between fields goes: what acts on a whole acts on each field, and what is made of it of each."""
    rows = [
        _lead(link.source, link.target, StoredLink(0, 0, link.job, False, link.since, link.until), upstream)
        for link in graph.visible_field_links()
        if link.is_direct or not exclude_indirect
    ]
    states = {row.next_state for row in rows}.union(roots)
    return [
        row._replace(state=state)
        for row, state in product(rows, states)
        if state[0] == row.state[0] and (state[1] == row.state[1] or WHOLE in (state[1], row.state[1]))
    ]


def reach(roots: Collection[Any], leads: Mapping[bool, Collection[Lead]], max_depth: int) -> Lineage:
    """What walks from roots reach, each way on its own, and together."""
    depths: dict[Any, int] = dict.fromkeys(roots, 0)
    walked: list[tuple[bool, Lead]] = []
    is_deeper = False
    for upstream, ways in leads.items():
        distances = _distances(roots, ways)
        for lead in ways:
            depth = distances.get(lead.state, max_depth + 1)
            if depth <= max_depth:
                walked.append((upstream, lead))
            if depth < max_depth:
                _lower(depths, lead.edge.near, depth)
                _lower(depths, lead.edge.far, depth + 1)
        is_deeper = is_deeper or max_depth + 1 in distances.values()
    is_deeper = is_deeper or any(lead.edge.near not in depths for _, lead in walked)
    return Lineage(depths, _merged(walked, depths), is_deeper)


def _distances(roots: Collection[Any], leads: Collection[Lead]) -> dict[Any, int]:
    distances = dict.fromkeys(roots, 0)
    changed = True
    while changed:
        changed = False
        for lead in leads:
            if lead.state in distances:
                changed |= _lower(distances, lead.next_state, distances[lead.state] + 1)
    return distances


def _lower(depths: dict[Any, int], node: Any, depth: int) -> bool:
    if depths.get(node, depth + 1) <= depth:
        return False
    depths[node] = depth
    return True


def _merged(
    walked: Iterable[tuple[bool, Lead]], given: Collection[Any]
) -> frozenset[tuple[Any, Any, int, bool, int, int]]:
    """The links among given nodes: one between two nodes through a job, and what is stated wins."""
    found: dict[tuple[Any, Any, int], list[Edge[Any]]] = {}
    for upstream, lead in walked:
        near, far = lead.edge.near, lead.edge.far
        if near in given and far in given:
            source, target = (far, near) if upstream else (near, far)
            found.setdefault((source, target, lead.edge.job), []).append(lead.edge)
    links = set()
    for key, edges in found.items():
        inferred = all(edge.inferred for edge in edges)
        same = [edge for edge in edges if edge.inferred == inferred]
        links.add((*key, inferred, min(edge.since for edge in same), max(edge.until for edge in same)))
    return frozenset(links)


def _lead(source: Any, target: Any, link: StoredLink, upstream: bool) -> Lead:
    near, far = (target, source) if upstream else (source, target)
    return Lead(near, far, Edge(near, far, link.job, link.inferred, link.since, link.until))


def _ends(graph: Graph, upstream: bool) -> Iterable[Edge[int]]:
    """From jobs, to what they read or write and to the jobs that they are linked with.

    A link that starts or ends at another job than the one that states it is that job's. A job still reads what it reads
    where what it makes of it is hidden.
    """
    for link in graph.current_links():
        near, far = (link.target, link.source) if upstream else (link.source, link.target)
        if near in graph.jobs:
            if graph.shows(near, far, link.job):
                yield Edge(near, far, link.job, False, link.since, link.until)
        elif link.job and far not in graph.jobs and graph.shows(link.job, far):
            yield Edge(link.job, far, link.job, False, link.since, link.until)
