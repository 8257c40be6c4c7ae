"""Makes a graph in memory of what was read of it, and newer ones of it and of what was read again since."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .memory_graph import UNKNOWN_KIND, Flag, MemoryGraph, Nodes
from .memory_links import (
    Bools,
    Bytes,
    Ints,
    LinkColumns,
    Longs,
    concatenate,
    index_all,
    index_few,
    known_links,
    no_links,
)
from .model import AssetName


class AssetState(NamedTuple):
    """One name of a dataset, or a job: the id of the name that it is shown under, and whether deletions are known."""

    id: int
    name: AssetName
    shown: int
    is_job: bool
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class StoredLinks:
    """Links by columns, with ids for ends and jobs."""

    source: Longs
    target: Longs
    job: Longs
    since: Longs
    until: Longs
    inferred: Bools


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of the parts of a graph that changed: the links of jobs, assets, and whose kinds to ask for again."""

    jobs: Collection[int] = ()
    links: StoredLinks | None = None
    assets: Sequence[AssetState] = ()
    kinds: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class StoredAssets:
    """All assets, in the order of ids: which are jobs, and the ids of those that are shown under another one, by that
    they have, and of those that ever were deleted.
    """

    nodes: Nodes
    shown: Mapping[int, int]
    is_job: Bools
    deleted: Sequence[int]


def make_graph(position: str, assets: StoredAssets, links: LinkColumns) -> MemoryGraph:
    """The graph of all that is stored."""
    nodes = assets.nodes
    size, count = len(nodes.ids), nodes.count
    shown = np.arange(size, dtype=np.int32)
    shown[[nodes.find(asset) for asset in assets.shown]] = [nodes.find(asset) for asset in assets.shown.values()]
    flags = np.zeros(size, np.uint8)
    flags[:count][assets.is_job] = Flag.JOB
    deleted = nodes.find_all(np.array(assets.deleted, np.int64))
    deleted = deleted[deleted >= 0]
    flags[deleted] |= np.uint8(Flag.DELETED)
    flags[shown[deleted]] |= np.uint8(Flag.DELETED_SET)
    several = np.unique(shown[:count][shown[:count] != np.arange(count)])
    members = np.flatnonzero(np.isin(shown[:count], several)).tolist()
    flags[several] |= np.uint8(Flag.JOINED)
    return MemoryGraph(
        position=position,
        nodes=nodes,
        node_count=count,
        shown=shown,
        flags=flags,
        has_deleted=len(deleted) > 0,
        kinds=np.full(size, UNKNOWN_KIND, np.uint8),
        outdated=np.zeros(size, np.bool_),
        base=index_all(links, count),
        delta=index_few(no_links()),
        joined={key: tuple(found) for key, found in _sets(shown, members).items()},
    )


def apply_changes(graph: MemoryGraph, changes: Changes, position: str) -> MemoryGraph | None:
    """The graph with changes; None where it has no room for them."""
    nodes = graph.nodes
    if not nodes.add({state.id: state.name for state in changes.assets}):
        return None
    newer = replace(graph, position=position, node_count=nodes.count)
    if changes.assets:
        newer = _with_assets(newer, changes.assets)
    if changes.kinds:
        newer = replace(newer, kinds=_forgotten(newer, (nodes.find(asset) for asset in changes.kinds)))
    if changes.jobs and changes.links:
        newer = _with_links(newer, changes.jobs, changes.links)
    return newer


def hand_on_kinds(old: MemoryGraph, new: MemoryGraph) -> None:
    """Has a graph know the kinds that another knows, which is of the same state or of a later one."""
    kinds = old.kinds[: old.node_count]
    known = np.flatnonzero((kinds != UNKNOWN_KIND) & (old.shown[: old.node_count] == np.arange(old.node_count)))
    places = new.nodes.find_all(old.nodes.ids[known])
    is_there = places >= 0
    new.kinds[places[is_there]] = kinds[known[is_there]]


def _with_assets(graph: MemoryGraph, states: Sequence[AssetState]) -> MemoryGraph:
    find = graph.nodes.find
    by_node = {find(state.id): state for state in states}
    shown, flags = graph.shown.copy(), graph.flags.copy()
    touched: set[int] = set()
    for node, state in by_node.items():
        touched |= {node, int(shown[node]), find(state.shown)}
        shown[node] = find(state.shown)
        flags[node] = (Flag.JOB if state.is_job else 0) | (Flag.DELETED if state.is_deleted else 0)
    for node in list(touched):
        touched.update(graph.joined.get(node, ()))
    sets = _sets(shown, touched)
    joined = {key: found for key, found in graph.joined.items() if key not in touched}
    for node in touched:
        flags[node] &= np.uint8(Flag.JOB | Flag.DELETED)
    for key, members in sets.items():
        if any(flags[member] & Flag.DELETED for member in members):
            flags[key] |= np.uint8(Flag.DELETED_SET)
        if len(members) > 1:
            flags[key] |= np.uint8(Flag.JOINED)
            joined[key] = tuple(members)
    has_deleted = graph.has_deleted or any(state.is_deleted for state in states)
    kinds = _forgotten(graph, touched)
    return replace(graph, shown=shown, flags=flags, has_deleted=has_deleted, joined=joined, kinds=kinds)


def _forgotten(graph: MemoryGraph, nodes: Iterable[int]) -> Bytes:
    """The kinds, without those of what nodes are shown as."""
    kinds = graph.kinds.copy()
    for node in nodes:
        if node >= 0:
            kinds[node] = kinds[graph.shown[node]] = UNKNOWN_KIND
    return kinds


def _with_links(graph: MemoryGraph, jobs: Collection[int], stored: StoredLinks) -> MemoryGraph:
    changed = graph.nodes.find_all(np.array(sorted(jobs), np.int64))
    changed = changed[changed >= 0]
    outdated = graph.outdated.copy()
    outdated[changed] = True
    kept = graph.delta.links.take(~np.isin(graph.delta.links.job, changed))
    new = link_columns(graph.nodes, stored)
    return replace(graph, outdated=outdated, delta=index_few(concatenate([kept, new])))


def link_columns(nodes: Nodes, links: StoredLinks) -> LinkColumns:
    """Links between nodes, without those that are never shown."""
    source, target, job = map(nodes.find_all, (links.source, links.target, links.job))
    return known_links(LinkColumns(source, target, job, links.since, links.until, links.inferred))


def _sets(shown: Ints, members: Iterable[int]) -> dict[int, list[int]]:
    """Nodes by what they are shown as."""
    sets: dict[int, list[int]] = {}
    for member in members:
        sets.setdefault(int(shown[member]), []).append(member)
    return sets
