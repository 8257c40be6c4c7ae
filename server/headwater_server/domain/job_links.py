"""How the links of one job change over time when runs of it change: which part of its timeline to look at, and what
follows.

A job's head says that from `since` on its links are exactly those of one io set. Most runs say again what the head
says, and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .batch import Declaration, RunChange
from .model import Link, RunState
from .run_facts import RunFacts
from .run_merge import RunMerge
from .timeline import FOREVER, Interval, Point, fold, splice

BEGINNING = datetime.min.replace(tzinfo=UTC)
FieldLinkIds = tuple[int, int, int]
"""A field link by ids: source field, target field, transformation."""
AnyLink = Link | FieldLinkIds


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


def changed_spans(change: RunChange, heads: Mapping[int, Head | None]) -> dict[int, Span]:
    """The spans of time, by job, in which a run's points changed; none where that changes no link."""
    before = _point_times(change.before, change.facts_before) if change.before else []
    after = _point_times(change.after, change.facts)
    if change.before and change.before.job != change.after.job:
        return _spans((change.before.job, before), (change.after.job, after))
    if _is_repetition(change, before, after, heads.get(change.after.job)):
        return {}
    return _spans((change.after.job, before + after))


def _is_repetition(change: RunChange, before: list[datetime], after: list[datetime], head: Head | None) -> bool:
    """Whether the run only says again what it said before, or what the head of its job says."""
    same_io = _io(change.facts_before) == _io(change.facts)
    if before == after and same_io:
        return True
    if head is None or head.io_set is None or _io(change.facts) != head.io_set:
        return False
    was_all = change.before is not None and change.before.state is RunState.SUCCEEDED
    added_only = not before or (same_io and not was_all)
    return added_only and all(time >= head.since for time in before + after)


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
    found = fold((point for point, _ in ordered), window.until)
    planned = splice(stored, window, found)
    replaced = frozenset(link for link in stored if stored[link] != planned.get(link))
    written = {link: intervals for link, intervals in planned.items() if stored.get(link) != intervals}
    return LinkChange(replaced, written, _head(window, ordered, planned, head))


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
