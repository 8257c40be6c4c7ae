"""What a level of lineage is to a walk: where its nodes lead, and what there is to show of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, Protocol, TypeVar

from ..domain.lineage import Part, Root
from ..domain.walk import Edge, Step

K = TypeVar("K", bound=Any)


class WalkedLevel(Protocol[K]):
    """The graph at one level. Nodes are spoken of by keys; hidden ones never appear."""

    roots: Sequence[K]

    @property
    def has_lost(self) -> bool:
        """Whether the last question left out some of what there is."""

    def is_shown(self, key: K) -> bool:
        """Whether a node is given that an edge led to, or only walked through."""

    async def expand(self, keys: Sequence[K], upstream: bool) -> list[Edge[K]] | None:
        """What leads on from nodes; None where it is too much to be given at once."""

    def pages(self, keys: Sequence[K], upstream: bool, among: Collection[K] | None) -> AsyncIterator[list[Edge[K]]]:
        """What leads on, page by page in the order of far ends; only to nodes of `among`, where given."""

    async def show(self, step: Step[K]) -> Part:
        """What a step adds to the answer."""

    def root_of(self, key: K) -> Root:
        """Where a next walk starts that goes on from a node."""
