"""What graphs in memory are made of: links by columns, found by either of their ends, and texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int32]
Longs: TypeAlias = NDArray[np.int64]
Bytes: TypeAlias = NDArray[np.uint8]
Bools: TypeAlias = NDArray[np.bool_]


class Texts:
    """Many texts in UTF-8, one behind the other; `ends` are where each ends."""

    def __init__(self, joined: bytes, ends: Longs) -> None:
        self._joined = joined
        self._starts = np.concatenate([np.zeros(1, np.int64), ends])

    def one(self, place: int) -> bytes:
        """The text at a place."""
        return self._joined[self._starts[place] : self._starts[place + 1]]

    def many(self, places: Ints) -> list[bytes]:
        """The texts at places."""
        joined = self._joined
        ranges = zip(self._starts[places].tolist(), self._starts[places + 1].tolist(), strict=True)
        return [joined[start:end] for start, end in ranges]


class Marks:
    """What a walk notes of nodes: one at a time, and it leaves everything as it was."""

    def __init__(self, size: int) -> None:
        self.places: Ints = np.full(size, -1, np.int32)
        self.seen: dict[bool, Bools] = {way: np.zeros(size, np.bool_) for way in (False, True)}


@dataclass(frozen=True, slots=True)
class Index:
    """Finds the links of nodes at one of their ends: those of the node `nodes[i]`, or i where `nodes` is None, are
    `order[starts[i]:starts[i + 1]]`; without an order, the links lie so themselves.
    """

    starts: Ints
    order: Ints | None
    nodes: Ints | None

    def find(self, asked: Ints) -> Ints:
        """The places of the links of nodes."""
        if self.nodes is None:
            rows = asked[asked < len(self.starts) - 1]
        else:
            rows = find_among(asked, self.nodes)
            rows = rows[rows >= 0]
        places = ranges(self.starts.take(rows), self.starts.take(rows + 1))
        return places if self.order is None else self.order.take(places)


@dataclass(frozen=True, slots=True)
class Columns:
    """Links as the store has them, by columns; times are in microseconds since 1970."""

    source: Ints
    target: Ints
    job: Ints
    since: Longs
    until: Longs

    def __len__(self) -> int:
        return len(self.source)

    def take(self, chosen: NDArray[Any]) -> Self:
        """Some of the links: their places, or whether each is one of them."""
        places = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        return self.of(column.take(places) for column in self.columns)

    def between(self, source: Ints, target: Ints) -> Self:
        """The same links with other numbers for their ends."""
        return type(self)(source, target, *self.columns[2:])

    @classmethod
    def of(cls, columns: Iterable[Any]) -> Self:
        """Links of columns in their order."""
        return cls(*columns)

    @property
    def columns(self) -> tuple[Any, ...]:
        """The columns in their order."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class LinkColumns(Columns):
    """Links between datasets and jobs."""

    inferred: Bools


@dataclass(frozen=True, slots=True)
class FieldColumns(Columns):
    """Links between fields; `change` is a place in a list of ways to make a field of another."""

    change: Ints


C = TypeVar("C", bound=Columns)


@dataclass(frozen=True, slots=True)
class IndexedLinks(Generic[C]):
    """Links that are found by either end, in the order of their sources."""

    links: C
    by_source: Index
    by_target: Index

    def find(self, nodes: Ints, *, upstream: bool) -> C:
        """The links that lead on from nodes."""
        return self.links.take((self.by_target if upstream else self.by_source).find(nodes))


def index_all(links: C, node_count: int) -> IndexedLinks[C]:
    """Links of most nodes; where they are in the order of their sources they are taken as they are, without a copy."""
    is_ordered = bool((links.source[1:] >= links.source[:-1]).all())
    ordered = links if is_ordered else links.take(np.argsort(links.source, kind="stable").astype(np.int32))
    order = np.argsort(ordered.target, kind="stable").astype(np.int32)
    return IndexedLinks(
        ordered,
        Index(_starts(ordered.source, node_count), None, None),
        Index(_starts(ordered.target, node_count), order, None),
    )


def index_few(links: C) -> IndexedLinks[C]:
    """Links of few nodes."""
    ordered = links.take(np.argsort(links.source, kind="stable").astype(np.int32))
    order = np.argsort(ordered.target, kind="stable").astype(np.int32)
    indexes = []
    for ends, places in ((ordered.source, None), (ordered.target[order], order)):
        nodes, starts = np.unique(ends, return_index=True)
        indexes.append(Index(np.append(starts, len(ends)).astype(np.int32), places, nodes.astype(np.int32)))
    return IndexedLinks(ordered, *indexes)


def _starts(ends: Ints, node_count: int) -> Ints:
    counts = np.bincount(ends, minlength=node_count)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def ranges(starts: Ints, ends: Ints) -> Ints:
    """The numbers from each start to before its end, one range behind the other."""
    counts = ends - starts
    behind = counts.cumsum(dtype=np.int32)
    places = np.arange(behind[-1] if len(behind) else 0, dtype=np.int32)
    places += (ends - behind).repeat(counts)
    return places


def sorted_once(nodes: Ints) -> Ints:
    """Nodes in their order, each once; `np.unique` is slower where most of them are there once."""
    ordered = np.sort(nodes)
    return ordered[_is_first(ordered)]


def leads_of(ordered: NDArray[Any]) -> Longs:
    """The places of the first of each of some ordered numbers."""
    return np.flatnonzero(_is_first(ordered))


def _is_first(ordered: NDArray[Any]) -> Bools:
    is_first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return is_first


def find_among(some: NDArray[Any], ordered: NDArray[Any]) -> Ints:
    """The places of some numbers among others, which are in their order; -1 where there is none."""
    if len(ordered) == 0:
        return np.full(len(some), -1, np.int32)
    places = np.searchsorted(ordered, some).astype(np.int32)
    places[ordered.take(places, mode="clip") != some] = -1
    return places


def known_links(links: C) -> C:
    """Links without those whose ends or job are not known, for they are never shown."""
    known = (links.source >= 0) & (links.target >= 0) & (links.job >= 0)
    return links if known.all() else links.take(known)


def concatenate(parts: Sequence[C]) -> C:
    """Links one behind the other; there is at least one part."""
    return parts[0].of(map(np.concatenate, zip(*(part.columns for part in parts), strict=True)))


def no_links() -> LinkColumns:
    """No links."""
    ends, times = np.zeros(0, np.int32), np.zeros(0, np.int64)
    return LinkColumns(ends, ends, ends, times, times, np.zeros(0, np.bool_))
