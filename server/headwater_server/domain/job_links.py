"""How the links of one job change over time when runs of it change: which part of its timeline to look at, and what
follows.

A job's head says that from `since` on its links are exactly those of one io set. Most runs say again what the head
says, or as long as they run a part of that, and change nothing.

What is inferred gives way to what is stated: while a link is stated, it is not inferred, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .batch import Declaration, RunChange
from .model import Link, RunState
from .run_facts import IoSet, RunFacts
from .run_merge import RunMerge
from .timeline import FOREVER, Interval, Point, fold, splice, without

BEGINNING = datetime.min.replace(tzinfo=UTC)
FieldLinkIds = tuple[int, int, int]
"""A field link by ids: source field, target field, transformation."""
AnyLink = Link | FieldLinkIds
Covers = Callable[[int, IoSet], bool]
"""Whether the io set of that id has all links of another, or states what that infers."""


@dataclass(frozen=True, slots=True)
class Head:
    """From `since` on, the links of a job are exactly those of `io_set`; None where they are a mixture."""

    io_set: int | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """The times between which a job's points changed."""

    low: datetime
    high: datetime

    def including(self, time: datetime) -> Span:
        """The span with one time more."""
        return Span(min(self.low, time), max(self.high, time))


@dataclass(frozen=True, slots=True)
class LinkChange:
    """What to write of a job's links: the links whose intervals are replaced, their new intervals, and the head."""

    replaced: frozenset[AnyLink]
    intervals: dict[AnyLink, list[Interval]]
    head: Head | None


def changed_spans(change: RunChange, heads: Mapping[int, Head | None], covers: Covers) -> dict[int, Span]:
    """The spans of time, by job, in which a run's points changed; none where that changes no link."""
    before = _point_times(change.before, change.facts_before) if change.before else []
    after = _point_times(change.after, change.facts)
    if change.before and change.before.job != change.after.job:
        return _spans((change.before.job, before), (change.after.job, after))
    if before == after and _io(change.facts_before) == _io(change.facts):
        return {}
    head = heads.get(change.after.job)
    if head and _was_needless(change, before, head, covers) and _is_needless(change, after, head, covers):
        return {}
    return _spans((change.after.job, before + after))


def _was_needless(change: RunChange, points: list[datetime], head: Head, covers: Covers) -> bool:
    """Whether the links would be the same without the points that the run had before.

    They would be without points after the head's beginning, for all links were there by then. At the beginning itself
    points may have opened links, which go on where the run says the same as before.
    """
    if not points or change.before is None or change.facts_before is None or change.facts_before.io is None:
        return True
    if change.before.state is RunState.SUCCEEDED:
        return False
    if min(points) == head.since:
        return _io(change.facts_before) == _io(change.facts) == head.io_set
    return min(points) > head.since and _says_no_more(change.facts_before.io, head, covers)


def _is_needless(change: RunChange, points: list[datetime], head: Head, covers: Covers) -> bool:
    """Whether the points that the run has now add nothing to the links, and end none."""
    if not points or change.facts.io is None:
        return True
    if min(points) < head.since:
        return False
    if change.after.state is RunState.SUCCEEDED:
        return change.facts.io.id == head.io_set
    return _says_no_more(change.facts.io, head, covers)


def _says_no_more(io: IoSet, head: Head, covers: Covers) -> bool:
    return io.id == head.io_set or (head.io_set is not None and covers(head.io_set, io))


def _spans(*changes: tuple[int, list[datetime]]) -> dict[int, Span]:
    return {job: Span(min(times), max(times)) for job, times in changes if times}


def declared_span(declaration: Declaration, head: Head | None) -> Span | None:
    """The span of time that a declaration changes; None where it changes no link."""
    if head and head.io_set == declaration.io.id and declaration.time >= head.since:
        return None
    return Span(declaration.time, declaration.time)


def plan_links(
    window: Interval,
    points: Iterable[tuple[Point[AnyLink], int]],
    stored: Mapping[AnyLink, list[Interval]],
    head: Head | None,
) -> LinkChange:
    """What follows for a job from the points in a window, given the intervals that are stored of its links.

    The window begins at an end of a successful run or at the beginning of time, and ends before the next such end.
    Each point comes with its io set.
    """
    ordered = sorted(points, key=lambda item: item[0].order)
    found = _as_stated(fold((point for point, _ in ordered), window.until))
    planned = splice(stored, window, found)
    replaced = frozenset(link for link in stored if stored[link] != planned.get(link))
    written = {link: intervals for link, intervals in planned.items() if stored.get(link) != intervals}
    return LinkChange(replaced, written, _head(window, ordered, planned, head))


def _as_stated(found: dict[AnyLink, list[Interval]]) -> dict[AnyLink, list[Interval]]:
    """Links in their intervals, less those in which what they infer is stated."""
    for link in [link for link in found if isinstance(link, Link) and link.inferred]:
        if stated := found.get(Link(link[0], link[1])):
            found[link] = without(found[link], stated)
    return found


def _head(
    window: Interval,
    ordered: list[tuple[Point[AnyLink], int]],
    planned: Mapping[AnyLink, list[Interval]],
    head: Head | None,
) -> Head | None:
    if window.until != FOREVER:
        return Head(head.io_set, max(head.since, window.until)) if head else None
    if not ordered:
        return Head(None, head.since) if head else None
    last, io_set = ordered[-1]
    lasting = {link for link, intervals in planned.items() if intervals[-1].until == FOREVER}
    borders = [t for parts in planned.values() for i in parts for t in (i.since, i.until) if t != FOREVER]
    since = max([*borders, ordered[0][0].time])
    return Head(io_set if lasting == last.links else None, since)


def _point_times(run: RunMerge, facts: RunFacts | None) -> list[datetime]:
    if facts is None or facts.io is None:
        return []
    ended = [run.ended_at] if run.state is RunState.SUCCEEDED and run.ended_at else []
    return [run.started_at, *ended]


def _io(facts: RunFacts | None) -> int | None:
    return facts.io.id if facts and facts.io else None
