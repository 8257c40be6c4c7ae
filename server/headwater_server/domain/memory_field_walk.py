"""Walks between fields in a graph in memory: see `memory_walk`; `usecases.lineage_fields` says what leads on to what.

There is no answer where the walk comes by datasets that have several names, or by what jobs said after the fields were
read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np

from .lineage import Traversal, Truncation
from .memory_fields import FieldGraph
from .memory_graph import Flag, MemoryGraph
from .memory_links import FieldColumns, Ints, Longs, find_among, leads_of, sorted_once
from .memory_walk import FoundFields, MemoryAnswer, MemoryWalk, Unanswerable, find_roots

_UNLIKE = np.uint8(Flag.JOB | Flag.JOINED)


class Outdated(Exception):
    """The store has to be asked, and would not have to once fields were read again."""


def walk_memory_fields(graph: MemoryGraph, asked: Traversal, hidden: Mapping[int, bool]) -> MemoryAnswer | None:
    """The answer to a walk between fields that was checked; None where the store has to be asked. Raises Outdated."""
    fields = graph.fields
    if fields is None:
        raise Outdated
    try:
        datasets = find_roots(graph, asked)
        roots = [fields.find(dataset, asked.field) for dataset in datasets]
        if min(roots) < 0:
            _check_known(graph, np.array(datasets, np.int32))
            return None
        return FieldWalk(graph, asked, hidden, fields.marks, fields=fields).answer(roots)
    except Unanswerable:
        return None


def _check_known(graph: MemoryGraph, datasets: Ints) -> None:
    """Raises Outdated where jobs said something of datasets since the fields were read."""
    for index in (graph.delta.by_source, graph.delta.by_target):
        if index.nodes is not None and (find_among(datasets, index.nodes) >= 0).any():
            raise Outdated


@dataclass(slots=True, kw_only=True)
class FieldWalk(MemoryWalk[FieldColumns]):
    """A walk between fields; `merged` are ways to make a field of another that several links say together."""

    meets_again: ClassVar[bool] = True
    fields: FieldGraph
    merged: list[tuple[int, ...]] = field(default_factory=list)

    def _expand(self, nodes: Ints, upstream: bool) -> FieldColumns:
        fields, graph = self.fields, self.graph
        datasets = fields.datasets.take(nodes)
        _check_known(graph, datasets)
        if (graph.flags.take(datasets) & _UNLIKE).any() or (graph.shown.take(datasets) != datasets).any():
            raise Unanswerable
        shown = self._shows(datasets)
        if not shown.all():
            nodes, datasets = nodes[shown], datasets[shown]
        wholes = sorted_once(datasets[fields.is_whole.take(nodes)])
        owners = [nodes, fields.wholes(sorted_once(datasets)), fields.members(wholes)]
        found = fields.links.find(sorted_once(np.concatenate(owners)), upstream=upstream)
        if graph.outdated.take(found.job).any():
            raise Outdated
        found = found.take(self._holds(found))
        if self.asked.exclude_indirect:
            found = found.take(fields.is_direct.take(found.change))
        far = fields.datasets.take(found.source if upstream else found.target)
        return found.take(self._shows(far) & self._shows(found.job)) if graph.has_deleted else found

    def _rank(self, nodes: Ints) -> Longs | Ints:
        return nodes

    def _give_parts(self, found: Mapping[bool, FieldColumns]) -> None:
        """Fields that acted for their whole dataset, and datasets that did for their fields."""
        nears = np.concatenate([links.target if way else links.source for way, links in found.items()])
        parts = sorted_once(nears[self.marks.places.take(nears) < 0])
        if len(parts) == 0:
            return
        if self.depth >= self.asked.max_depth:
            self.reasons.add(Truncation.MAX_DEPTH)
        else:
            self._give_some(parts, self.depth)

    def _merge(self, links: FieldColumns, keys: Longs) -> FieldColumns:
        """It says all ways to make the one field of the other."""
        order = np.lexsort((links.change, keys))
        leads = leads_of(keys[order])
        if len(leads) == len(keys):
            return links
        found = links.take(order)
        first = found.take(leads)
        change = first.change.copy()
        for place, (start, end) in enumerate(pairwise([*leads.tolist(), len(keys)])):
            ways = tuple(dict.fromkeys(found.change[start:end].tolist()))
            if len(ways) > 1:
                change[place] = len(self.fields.changes) + len(self.merged)
                self.merged.append(ways)
        since, until = np.minimum.reduceat(found.since, leads), np.maximum.reduceat(found.until, leads)
        return FieldColumns(first.source, first.target, first.job, since, until, change)

    def _assets(self, nodes: Ints) -> Ints:
        return self.fields.datasets.take(nodes)

    def _found_fields(self, nodes: Ints, links: FieldColumns) -> FoundFields:
        known = self.fields.changes
        changes = {code: known[code] for code in sorted_once(links.change).tolist() if code < len(known)}
        for code, ways in enumerate(self.merged, len(known)):
            changes[code] = tuple(sorted({how for way in ways for how in known[way]}))
        return FoundFields(self.fields.paths.many(nodes), links.change, changes)
