"""What the graph in memory does not say of its nodes, asked of the store in the very state that the graph is of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import numpy as np

from ...domain.memory_graph import UNKNOWN_KIND, MemoryGraph
from ..database import Connection
from ..lineage.assets import get_assets
from ..lineage.moments import Moment
from ..lineage.store import Memory


class ExactGraph:
    """A graph in memory, and a snapshot of the same state."""

    def __init__(self, graph: MemoryGraph, connection: Connection, memory: Memory) -> None:
        self.graph = graph
        self._connection = connection
        self._memory = memory

    async def hidden(self, nodes: Collection[int], as_of: datetime | None) -> dict[int, bool]:
        """Of nodes, whether they are hidden at a time; None is now."""
        ids = {node: int(self.graph.nodes.ids[node]) for node in nodes}
        jobs = {ids[node] for node in nodes if self.graph.is_job(node)}
        datasets = set(ids.values()) - jobs
        found = await get_assets(self._connection, self._memory.namespaces, datasets, jobs, Moment(as_of))
        return {node: found[key].is_hidden for node, key in ids.items()}

    async def kinds(self, nodes: Iterable[int]) -> dict[int, int]:
        """The kinds of nodes, 0 for none; the graph remembers those that last until something new is said of them."""
        graph, reader = self.graph, self._memory.kinds
        assets = {node: graph.asset(node) for node in nodes}
        found: dict[int, int] = {}
        for is_job, ask in ((False, reader.lasting_dataset_kinds), (True, reader.lasting_job_kinds)):
            chosen = {node: asset for node, asset in assets.items() if asset.is_job is is_job}
            kinds, passing = await ask(self._connection, chosen.values()) if chosen else ({}, set())
            for node, asset in chosen.items():
                found[node] = int(kinds.get(asset.id, 0))
                if asset.id not in passing:
                    graph.kinds[node] = found[node]
        return found


def nodes_of_unknown_kind(graph: MemoryGraph, after: int, limit: int) -> list[int]:
    """The next nodes after one whose kinds were not asked for; of a dataset with several names, the one shown."""
    kinds, start = graph.kinds[: graph.node_count], after + 1
    found: Any = np.flatnonzero(kinds[start:] == UNKNOWN_KIND)[: 4 * limit] + start
    return [node for node in found.tolist() if graph.shown[node] == node][:limit]
