"""What the graph in memory does not say of its nodes, asked of the store in the very state that the graph is of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import numpy as np

from ...domain.kinds import dataset_kind
from ...domain.memory_graph import UNKNOWN_KIND, MemoryGraph
from ...domain.model import AssetName
from ..database import Connection
from ..lineage.assets import get_assets
from ..lineage.moments import Moment
from ..lineage.store import Memory

NO_KIND = 0
ASKED_AT_ONCE = 50
"""How many nodes are asked about at once ahead of the questions."""
LOOKED_AT_ONCE = 65_536
"""How many nodes are looked at to find some whose kinds are not known."""


class ExactGraph:
    """A graph in memory, and a snapshot of the same state."""

    def __init__(self, graph: MemoryGraph, connection: Connection, memory: Memory) -> None:
        self.graph = graph
        self._connection = connection
        self._memory = memory
        self._kinds_in_spaces: dict[int, int] = {}

    async def hidden(self, nodes: Collection[int], as_of: datetime | None) -> dict[int, bool]:
        """Of nodes, whether they are hidden at a time; None is now."""
        ids = {node: int(self.graph.nodes.ids[node]) for node in nodes}
        jobs = {ids[node] for node in nodes if self.graph.is_job(node)}
        datasets = set(ids.values()) - jobs
        found = await get_assets(self._connection, self._memory.namespaces, datasets, jobs, Moment(as_of))
        return {node: found[key].is_hidden for node, key in ids.items()}

    async def learn_kinds(self, nodes: Iterable[int]) -> None:
        """Has the graph remember the kinds of nodes, a few at a time, for others wait meanwhile.

        Those of which nothing but names was said, which are most, are told by their namespaces.
        """
        graph = self.graph
        ids = {int(graph.nodes.ids[node]): node for node in nodes}
        spoken = await self._memory.kinds.spoken(self._connection, ids)
        others: list[int] = []
        for key, node in ids.items():
            if key in spoken or node in graph.joined:
                others.append(node)
            else:
                graph.kinds[node] = NO_KIND if graph.is_job(node) else self._kind_in(graph.nodes.spaces.item(node))
        for start in range(0, len(others), ASKED_AT_ONCE):
            await self.kinds(others[start : start + ASKED_AT_ONCE])

    def _kind_in(self, space: int) -> int:
        """The kind of the datasets in a namespace of which no more is said."""
        known = self._kinds_in_spaces
        if space not in known:
            known[space] = int(dataset_kind([AssetName(self.graph.nodes.namespaces[space], "")], {}))
        return known[space]

    async def kinds(self, nodes: Iterable[int]) -> dict[int, int]:
        """The kinds of nodes, 0 for none; the graph remembers those that last until something new is said of them."""
        graph, reader = self.graph, self._memory.kinds
        assets = {node: graph.asset(node) for node in nodes}
        found: dict[int, int] = {}
        for is_job, ask in ((False, reader.lasting_dataset_kinds), (True, reader.lasting_job_kinds)):
            chosen = {node: asset for node, asset in assets.items() if asset.is_job is is_job}
            kinds, passing = await ask(self._connection, chosen.values()) if chosen else ({}, set())
            for node, asset in chosen.items():
                found[node] = int(kinds.get(asset.id, NO_KIND))
                if asset.id not in passing:
                    graph.kinds[node] = found[node]
        return found


def nodes_of_unknown_kind(graph: MemoryGraph, after: int, limit: int) -> list[int]:
    """The next nodes after one whose kinds were not asked for; of a dataset with several names, the one shown."""
    for start in range(after + 1, graph.node_count, LOOKED_AT_ONCE):
        part = slice(start, min(start + LOOKED_AT_ONCE, graph.node_count))
        places = np.arange(part.start, part.stop)
        chosen = (graph.kinds[part] == UNKNOWN_KIND) & (graph.shown[part] == places)
        if chosen.any():
            found: list[int] = places[chosen][:limit].tolist()
            return found
    return []
