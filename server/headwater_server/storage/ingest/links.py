"""Writes the links of jobs with the intervals in which they hold; see `domain.job_links`.

A field link is told from a link by its type: both are tuples, and a `Link` is a named one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ...domain.batch import BatchChange
from ...domain.job_links import (
    BEGINNING,
    AnyLink,
    Covers,
    Head,
    LinkChange,
    Span,
    changed_spans,
    declared_span,
    plan_links,
)
from ...domain.model import Link
from ...domain.timeline import FOREVER, Interval, Point
from ..database import Connection
from ..graph_changes import Changed, note_changes
from .assets import set_heads
from .io_sets import LinkSet, get_link_sets, link_set_of

_WINDOWS = """
SELECT asked.job_id, previous.ended_at, next.ended_at
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS asked (job_id, low, high)
LEFT JOIN LATERAL (
    SELECT ended_at FROM runs WHERE job_id = asked.job_id AND state = 3 AND io_set_id IS NOT NULL
    AND ended_at < asked.low ORDER BY ended_at DESC LIMIT 1) AS previous ON true
LEFT JOIN LATERAL (
    SELECT ended_at FROM runs WHERE job_id = asked.job_id AND state = 3 AND io_set_id IS NOT NULL
    AND ended_at > asked.high ORDER BY ended_at LIMIT 1) AS next ON true
"""
_POINTS = """
SELECT asked.job_id, found.* FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS asked (job_id, low,
high) JOIN LATERAL ( SELECT started_at, false, run_id, io_set_id FROM runs WHERE job_id = asked.job_id AND io_set_id
IS NOT NULL AND started_at >= asked.low AND started_at < asked.high UNION ALL SELECT ended_at, true, run_id, io_set_id
FROM runs WHERE job_id = asked.job_id AND state = 3 AND io_set_id IS NOT NULL AND ended_at >= asked.low AND ended_at <
asked.high UNION ALL SELECT time, false, event_id, io_set_id FROM declarations WHERE job_id = asked.job_id AND time >=
asked.low AND time < asked.high) AS found ON true
"""
_STORED = """
SELECT asked.job_id, source_id, target_id, {third}, since, until
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS asked (job_id, low, high)
JOIN {table} USING (job_id) WHERE until >= asked.low AND since <= asked.high
"""
_DELETE = """
DELETE FROM {table} USING unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::{kind}[], $5::timestamptz[])
    AS old (source_id, target_id, job_id, third, since)
WHERE {table}.source_id = old.source_id AND {table}.target_id = old.target_id AND {table}.job_id = old.job_id
AND {table}.{third} = old.third AND {table}.since = old.since
"""
_INSERT = """
INSERT INTO {table} (source_id, target_id, job_id, {third}, since, until)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::{kind}[], $5::timestamptz[], $6::timestamptz[])
ORDER BY 1, 2, 3, 4, 5
"""
_TABLES = (
    {"table": "links", "third": "inferred", "kind": "boolean"},
    {"table": "field_links", "third": "transformation_id", "kind": "bigint"},
)


@dataclass(frozen=True, slots=True)
class _Row:
    """One point of a job's timeline, before its links are known."""

    time: datetime
    is_all: bool
    tie: uuid.UUID
    io_set: int


async def update_links(connection: Connection, change: BatchChange, heads: Mapping[int, Head | None]) -> None:
    """Writes what a batch changes of links, once its runs and declarations are written."""
    spans = _spans(change, heads, await _coverage(connection, change, heads))
    if not spans:
        return
    windows = await _windows(connection, spans, heads)
    rows = await _points(connection, windows)
    needed = {row.io_set for found in rows.values() for row in found}
    link_sets = {key: link_set_of(io) for key, io in change.io_sets().items() if key in needed}
    if missing := needed - link_sets.keys():
        link_sets.update(await get_link_sets(connection, missing))
    stored = await _stored(connection, {job: w for job, w in windows.items() if heads.get(job) is not None})
    plans = {
        job: plan_links(window, _with_links(rows.get(job, ()), link_sets), stored.get(job, {}), heads.get(job))
        for job, window in windows.items()
    }
    await _write(connection, plans, stored)
    moved = (job for job, plan in plans.items() if plan.replaced or plan.intervals)
    await note_changes(connection, Changed.LINKS, moved)
    await set_heads(connection, {job: plan.head for job, plan in plans.items() if plan.head})


async def _coverage(connection: Connection, change: BatchChange, heads: Mapping[int, Head | None]) -> Covers:
    """Tells of the io sets of heads whether they cover those of runs that say something else."""
    asked = {
        head.io_set
        for run in change.runs
        if (head := heads.get(run.after.job)) and head.io_set is not None
        for facts in (run.facts_before, run.facts)
        if facts and facts.io and facts.io.id != head.io_set
    }
    known = await get_link_sets(connection, asked) if asked else {}
    return lambda head, io: head in known and known[head].covers(link_set_of(io))


def _spans(change: BatchChange, heads: Mapping[int, Head | None], covers: Covers) -> dict[int, Span]:
    found = [item for run in change.runs for item in changed_spans(run, heads, covers).items()]
    found += [(d.job, span) for d in change.declarations if (span := declared_span(d, heads.get(d.job)))]
    spans: dict[int, Span] = {}
    for job, span in found:
        spans[job] = spans[job].including(span.low).including(span.high) if job in spans else span
    return spans


async def _windows(
    connection: Connection, spans: Mapping[int, Span], heads: Mapping[int, Head | None]
) -> dict[int, Interval]:
    """The part of each job's timeline to look at; all of it for a job that had no points before."""
    windows = {job: Interval(BEGINNING, FOREVER) for job in spans}
    known = [(job, span.low, span.high) for job, span in spans.items() if heads.get(job) is not None]
    if known:
        for job, previous, following in await connection.fetch(_WINDOWS, *map(list, zip(*known, strict=True))):
            windows[job] = Interval(previous or BEGINNING, following or FOREVER)
    return windows


async def _points(connection: Connection, windows: Mapping[int, Interval]) -> dict[int, list[_Row]]:
    rows = [(job, window.since, window.until) for job, window in windows.items()]
    found: dict[int, list[_Row]] = {}
    for row in await connection.fetch(_POINTS, *map(list, zip(*rows, strict=True))):
        found.setdefault(row[0], []).append(_Row(*list(row)[1:]))
    return found


def _with_links(rows: Iterable[_Row], link_sets: Mapping[int, LinkSet]) -> list[tuple[Point[AnyLink], int]]:
    return [(Point(r.time, r.is_all, r.tie.bytes, link_sets[r.io_set].all()), r.io_set) for r in rows]


async def _stored(connection: Connection, windows: Mapping[int, Interval]) -> dict[int, dict[AnyLink, list[Interval]]]:
    """The intervals of the jobs' links that touch the windows."""
    found: dict[int, dict[AnyLink, list[Interval]]] = {}
    rows = [(job, window.since, window.until) for job, window in windows.items()]
    if not rows:
        return found
    arguments = [list(column) for column in zip(*rows, strict=True)]
    for names in _TABLES:
        for job, source, target, third, since, until in await connection.fetch(_STORED.format(**names), *arguments):
            link: AnyLink = Link(source, target, third) if names["table"] == "links" else (source, target, third)
            found.setdefault(job, {}).setdefault(link, []).append(Interval(_aware(since), _aware(until)))
    for links in found.values():
        for intervals in links.values():
            intervals.sort(key=lambda interval: interval.since)
    return found


def _aware(time: datetime) -> datetime:
    """The time with its zone; asyncpg gives infinity without one."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


async def _write(
    connection: Connection,
    plans: Mapping[int, LinkChange],
    stored: Mapping[int, Mapping[AnyLink, list[Interval]]],
) -> None:
    for names in _TABLES:
        is_link = names["table"] == "links"
        old = [
            (link[0], link[1], job, link[2], interval.since)
            for job, plan in plans.items()
            for link in plan.replaced
            if isinstance(link, Link) is is_link
            for interval in stored[job][link]
        ]
        new = [
            (link[0], link[1], job, link[2], interval.since, interval.until)
            for job, plan in plans.items()
            for link, intervals in plan.intervals.items()
            if isinstance(link, Link) is is_link
            for interval in intervals
        ]
        if old:
            await connection.execute(_DELETE.format(**names), *map(list, zip(*sorted(old), strict=True)))
        if new:
            await connection.execute(_INSERT.format(**names), *map(list, zip(*new, strict=True)))
