"""How much work a run of the benchmark does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.estate import Estate, make_estate
from bench.graphs import DEPTHS, Component, make_component


@dataclass(frozen=True, slots=True)
class Size:
    """The amounts of one run."""

    rounds: int
    """How often each workload is measured; reports give the median."""
    seconds: float
    """How long each ingestion workload sends in one round."""
    warmup_seconds: float
    """The part of these seconds that is not measured."""
    jobs: int
    """Jobs in the estate that the traces are about."""
    components: Mapping[int, int]
    """By nodes of an answer: how many components of that size the graph has in each direction."""
    questions: Mapping[int, int]
    """By nodes of an answer: how many times a lineage workload asks for it in one round."""

    field_components: int
    """How many components of 1,000 fields and 2,500 links the graph of fields has."""
    real_copies: int
    """How often what real producers sent is sent again."""

    @property
    def estate(self) -> Estate:
        """The jobs and datasets of the traces."""
        return make_estate(jobs=self.jobs)

    def make_graph(self, *node_counts: int) -> list[Component]:
        """The components of these sizes, or all."""
        return [
            make_component(direction, node_count, number)
            for node_count in node_counts or DEPTHS
            for number in range(self.components[node_count])
            for direction in ("downstream", "upstream")
        ]


SIZES = {
    "smoke": Size(1, 1.0, 0.2, 100, {10: 1, 1_000: 1, 20_000: 1}, {10: 10, 1_000: 4, 20_000: 2}, 1, 2),
    "small": Size(3, 3.0, 0.5, 1_000, {10: 10, 1_000: 5, 20_000: 1}, {10: 200, 1_000: 100, 20_000: 10}, 20, 20),
    "medium": Size(3, 10.0, 1.0, 10_000, {10: 50, 1_000: 25, 20_000: 3}, {10: 500, 1_000: 200, 20_000: 20}, 200, 50),
    "large": Size(2, 5.0, 1.0, 10_000, {10: 50, 1_000: 25, 20_000: 3}, {10: 500, 1_000: 500, 20_000: 40}, 4_000, 200),
    "reads": Size(2, 5.0, 1.0, 2_000, {10: 50, 1_000: 25, 20_000: 3}, {10: 400, 1_000: 400, 20_000: 40}, 4_600, 1),
}
"""By name. `smoke` only shows that everything works; its numbers mean nothing. `large` is for a store filled with
events (`large.py`), and `reads` for one filled with a graph alone (`reads.py`)."""
