"""Seeded graphs for traversal: an answer of exactly so many nodes exists from each named root.

A graph is made of components that share no dataset. A component of n nodes has the root `<direction>_<n>_<k>.t00000`
(k counts the components alike); in its direction, downstream or upstream, exactly its n datasets are reached, the root
included. They lie in layers of equal size; each dataset but the root comes after one of the layer before it and up to
two of any earlier layer, the early ones more often, so that some datasets are hubs. One JobEvent declares what each
dataset is made of (or, upstream, what is made of it).
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.traces import EVENT_SPACING

DATASET_NAMESPACE = "postgres://graph.acme.example:5432"
JOB_NAMESPACE = "graph-prod"
Direction = Literal["downstream", "upstream"]
DEPTHS = {10: 3, 1_000: 10, 20_000: 15}
"""By nodes of a component: how many links at most its datasets are away from the root."""


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a graph: datasets by number, the root first."""

    direction: Direction
    node_count: int
    number: int
    parents: tuple[tuple[int, ...], ...]
    """By dataset: those that it comes after on the way from the root; none for the root."""

    @property
    def root(self) -> str:
        """The name of the root, in `DATASET_NAMESPACE`."""
        return self.name_node(0)

    @property
    def link_count(self) -> int:
        """How many links lie between the nodes."""
        return sum(map(len, self.parents))

    def name_node(self, node: int) -> str:
        """The name of a dataset, in `DATASET_NAMESPACE`."""
        return f"{self.direction}_{self.node_count}_{self.number}.t{node:05d}"

    def iterate_links(self) -> Iterator[tuple[str, str]]:
        """Names of datasets: data flowed from the first to the second."""
        for node, parents in enumerate(self.parents):
            for parent in parents:
                source, target = (parent, node) if self.direction == "downstream" else (node, parent)
                yield self.name_node(source), self.name_node(target)


def make_component(direction: Direction, node_count: int, number: int) -> Component:
    """The component of that root; the same for the same arguments. The node count is a key of `DEPTHS`."""
    rng = random.Random(f"graph/{direction}/{node_count}/{number}")
    depth = DEPTHS[node_count]
    starts = [0, *(1 + (node_count - 1) * layer // depth for layer in range(depth + 1))]
    parents: list[tuple[int, ...]] = [()]
    for layer in range(1, depth + 1):
        before, start, end = starts[layer - 1], starts[layer], starts[layer + 1]
        for _ in range(start, end):
            chosen = {rng.randrange(before, start)}
            chosen.update(int(rng.random() ** 2 * start) for _ in range(rng.choice((0, 0, 1, 2))))
            parents.append(tuple(sorted(chosen)))
    return Component(direction, node_count, number, tuple(parents))


def make_job_events(components: Sequence[Component], *, start: dt.datetime) -> Iterator[bytes]:
    """The JSON texts of JobEvents that declare the components' links, from that event time on."""
    time = start
    for component in components:
        for node, parents in enumerate(component.parents):
            if parents:
                yield _make_job_event(component, node, parents, time)
                time += EVENT_SPACING


def _make_job_event(component: Component, node: int, parents: tuple[int, ...], time: dt.datetime) -> bytes:
    one, many = [component.name_node(node)], [component.name_node(parent) for parent in parents]
    inputs, outputs = (many, one) if component.direction == "downstream" else (one, many)
    event = {
        "eventTime": time.isoformat(timespec="microseconds"),
        "producer": "https://acme.example/graph",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent",
        "job": {"namespace": JOB_NAMESPACE, "name": f"make_{one[0]}"},
        "inputs": [{"namespace": DATASET_NAMESPACE, "name": name} for name in inputs],
        "outputs": [{"namespace": DATASET_NAMESPACE, "name": name} for name in outputs],
    }
    return json.dumps(event, separators=(",", ":")).encode()
