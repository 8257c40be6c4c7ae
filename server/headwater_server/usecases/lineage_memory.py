"""Answers what is upstream and downstream from the graph in memory, where that can."""

from __future__ import annotations

from collections.abc import Mapping

from ..domain.lineage import Level, Traversal
from ..domain.lineage_ports import ExactGraph, GraphMemory
from ..domain.memory_field_walk import Outdated, walk_memory_fields
from ..domain.memory_graph import MemoryGraph
from ..domain.memory_walk import MemoryAnswer, walk_memory
from .lineage_roots import MAX_NODES, check_traversal

MAX_ROUNDS = 5
"""How often a walk is begun again because a node turned out to be hidden."""


async def recall_lineage(
    memory: GraphMemory, asked: Traversal, seconds: float, *, max_nodes: int = MAX_NODES
) -> MemoryAnswer | None:
    """A whole walk of at most so many nodes; None where the store has to be asked. Raises InvalidField or TooLarge."""
    asked = check_traversal(asked, max_nodes)
    graph = await memory.fresh(asked.min_position)
    try:
        found = _walk(graph, asked, {}) if graph else None
        if found is None or not (found.doubtful or found.unknown_kinds):
            return found
        async with memory.exact(seconds) as exact:
            return await _complete(exact, asked) if exact else None
    except Outdated:
        memory.want_fields()
        return None


async def _complete(exact: ExactGraph, asked: Traversal) -> MemoryAnswer | None:
    """A walk for which the store is asked what the graph does not say."""
    hidden: dict[int, bool] = {}
    for _ in range(MAX_ROUNDS):
        found = _walk(exact.graph, asked, hidden)
        if found is None:
            return None
        if not found.doubtful:
            found.kinds = await exact.kinds(found.unknown_kinds)
            return found
        hidden |= await exact.hidden(found.doubtful, asked.as_of)
    return None


def _walk(graph: MemoryGraph, asked: Traversal, hidden: Mapping[int, bool]) -> MemoryAnswer | None:
    walk = walk_memory_fields if asked.level is Level.FIELD else walk_memory
    return walk(graph, asked, hidden)
