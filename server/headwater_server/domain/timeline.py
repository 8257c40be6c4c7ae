"""Since when and until when links hold, from the points at which a job's runs state them.

A run states its links when it starts; a successful run also states, when it ends, that they are all there is. So a
link holds from the first start of a run that has it to the first end of a later successful run that does not; runs
that fail, or still run, open links and end none. A JobEvent opens links.

All is a function of the set of points, so the order in which events arrive does not matter. A point between two ends
can only change what lies between them: `fold` is right for a part of a timeline that begins at an end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

L = TypeVar("L")
FOREVER = datetime.max.replace(tzinfo=UTC)
"""Stands for the end of an interval that has none."""


@dataclass(frozen=True, slots=True)
class Point(Generic[L]):
    """What a run or a JobEvent states at a time; `is_all` where it also says that there is nothing else.

    `tie` puts points of one time in an order of their own.
    """

    time: datetime
    is_all: bool
    tie: bytes
    links: frozenset[L]

    @property
    def order(self) -> tuple[datetime, bool, bytes]:
        """Where the point stands: links are opened before others are ended."""
        return (self.time, self.is_all, self.tie)


@dataclass(frozen=True, slots=True)
class Interval:
    """Holds from `since` on, and no longer at `until`."""

    since: datetime
    until: datetime


def fold(points: Iterable[Point[L]], until: datetime = FOREVER) -> dict[L, list[Interval]]:
    """The intervals in which links hold, given their points; those open at the end go on to `until`."""
    opened: dict[L, datetime] = {}
    closed: dict[L, list[Interval]] = {}
    for point in sorted(points, key=lambda p: p.order):
        if point.is_all:
            for link in [link for link in opened if link not in point.links]:
                _close(closed, link, opened.pop(link), point.time)
        for link in point.links:
            opened.setdefault(link, point.time)
    for link, since in opened.items():
        _close(closed, link, since, until)
    return closed


def splice(
    stored: Mapping[L, list[Interval]], window: Interval, found: Mapping[L, list[Interval]]
) -> dict[L, list[Interval]]:
    """Intervals with a window of time replaced by what was found for it."""
    result: dict[L, list[Interval]] = {}
    for link in stored.keys() | found.keys():
        parts = [part for whole in stored.get(link, ()) for part in _outside(whole, window)]
        result[link] = _joined(parts + list(found.get(link, ())))
    return {link: intervals for link, intervals in result.items() if intervals}


def without(intervals: Iterable[Interval], others: Iterable[Interval]) -> list[Interval]:
    """What is left of intervals outside of others."""
    left = list(intervals)
    for other in others:
        left = [part for whole in left for part in _outside(whole, other)]
    return left


def _close(closed: dict[L, list[Interval]], link: L, since: datetime, until: datetime) -> None:
    if since < until:
        closed.setdefault(link, []).append(Interval(since, until))


def _outside(whole: Interval, window: Interval) -> list[Interval]:
    before = Interval(whole.since, min(whole.until, window.since))
    after = Interval(max(whole.since, window.until), whole.until)
    return [part for part in (before, after) if part.since < part.until]


def _joined(parts: list[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for part in sorted(parts, key=lambda p: p.since):
        if joined and part.since <= joined[-1].until:
            joined[-1] = Interval(joined[-1].since, max(joined[-1].until, part.until))
        else:
            joined.append(part)
    return joined
