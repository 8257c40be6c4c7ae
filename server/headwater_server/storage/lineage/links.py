"""The links that lead on from nodes of the graph.

Most nodes have few links: they are fetched at once. Some have hundreds of thousands: a cursor gives them page by page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from ...domain.lineage_ports import FieldLinkRecord, LinkRecord, UseRecord, Uses
from ..database import Connection, Record
from .moments import Moment, micros

AT_ONCE = 50_000
"""How many links are fetched at once; the size of a page where there are more."""
MAX_USES = 200_000
"""How many datasets or jobs are given that a level of jobs leads to."""

_LINKS = """
SELECT {near}_id, {far}_id, job_id, inferred, timestamptz_send(since), timestamptz_send(until)
FROM links WHERE {near}_id = ANY($1::bigint[]) AND {holds}{stated}
"""
_FIELD_LINKS = """
SELECT l.{near}_id, f.dataset_id, f.path, l.job_id, l.transformation_id,
    timestamptz_send(l.since), timestamptz_send(l.until), l.{far}_id
FROM field_links AS l JOIN fields AS f ON f.field_id = l.{far}_id
WHERE l.{near}_id = ANY($1::bigint[]) AND {holds}{direct}
"""
_DIRECT = " AND EXISTS (SELECT FROM transformations AS t WHERE t.transformation_id = l.transformation_id AND is_direct)"
_JOB_ENDS = """
SELECT job_id, {far}_id, timestamptz_send(min(since)), timestamptz_send(max(until)) FROM (
    SELECT job_id, {far}_id, since, until FROM links AS l
    WHERE job_id = ANY($1::bigint[]) AND {holds} AND {far}_id <> job_id
    AND NOT EXISTS (SELECT FROM jobs WHERE jobs.job_id = l.{far}_id)
    AND ({near}_id = job_id OR NOT EXISTS (SELECT FROM jobs WHERE jobs.job_id = l.{near}_id))
    UNION ALL
    SELECT {near}_id, {far}_id, since, until FROM links WHERE {near}_id = ANY($1::bigint[]) AND {holds}) AS found
GROUP BY 1, 2 ORDER BY 2, 1
"""
_DATASET_USERS = """
SELECT {near}_id, user_id, timestamptz_send(min(since)), timestamptz_send(max(until)) FROM (
    SELECT {near}_id, COALESCE(j.job_id, l.job_id) AS user_id, since, until
    FROM links AS l LEFT JOIN jobs AS j ON j.job_id = l.{far}_id
    WHERE {near}_id = ANY($1::bigint[]) AND {holds}) AS found
WHERE user_id <> 0 GROUP BY 1, 2 ORDER BY 2, 1
"""
_AMONG = " AND {far}_id IN (SELECT unnest(${number}::bigint[]))"
_IN_ORDER = " ORDER BY {far}_id, {near}_id, job_id, since"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to go from one end of links to the other, at a time."""

    upstream: bool
    moment: Moment

    def write(self, query: str, **parts: str) -> str:
        """A query about links that go this way; the time is its second argument, where there is one."""
        near, far = ("target", "source") if self.upstream else ("source", "target")
        return query.format(near=near, far=far, **{"holds": self.moment.holds(2), **parts})

    @property
    def next_number(self) -> int:
        """The number of the argument after the time."""
        return 2 + len(self.moment.arguments)


async def get_links(
    connection: Connection, ids: Collection[int], way: Way, *, exclude_inferred: bool
) -> list[LinkRecord] | None:
    """The links that lead on, in no order; None where there are more than can be fetched at once."""
    query = way.write(_LINKS, stated=" AND NOT inferred" if exclude_inferred else "")
    rows = await connection.fetch(f"{query} LIMIT {AT_ONCE + 1}", list(ids), *way.moment.arguments)
    return None if len(rows) > AT_ONCE else _link_records(rows)


async def page_links(
    connection: Connection,
    ids: Collection[int],
    way: Way,
    *,
    exclude_inferred: bool,
    among: Collection[int] | None,
) -> AsyncIterator[list[LinkRecord]]:
    """The links that lead on, page by page in the order of their far ends; only to `among`, where given."""
    query = way.write(_LINKS, stated=" AND NOT inferred" if exclude_inferred else "")
    async for rows in _pages(connection, query, ids, way, among):
        yield _link_records(rows)


async def get_field_links(
    connection: Connection, ids: Collection[int], way: Way, *, exclude_indirect: bool
) -> list[FieldLinkRecord] | None:
    """The links that lead on from fields, in no order; None where there are more than can be fetched at once."""
    query = way.write(_FIELD_LINKS, holds=way.moment.holds(2, "l."), direct=_DIRECT if exclude_indirect else "")
    rows = await connection.fetch(f"{query} LIMIT {AT_ONCE + 1}", list(ids), *way.moment.arguments)
    return None if len(rows) > AT_ONCE else _field_link_records(rows)


async def page_field_links(
    connection: Connection,
    ids: Collection[int],
    way: Way,
    *,
    exclude_indirect: bool,
    among: Collection[int] | None,
) -> AsyncIterator[list[FieldLinkRecord]]:
    """The links that lead on from fields, page by page in the order of their far ends; only to `among`, where given."""
    query = way.write(_FIELD_LINKS, holds=way.moment.holds(2, "l."), direct=_DIRECT if exclude_indirect else "")
    async for rows in _pages(connection, query, ids, way, among):
        yield _field_link_records(rows)


async def get_job_ends(connection: Connection, jobs: Collection[int], way: Way) -> Uses:
    """What jobs read or write, and the jobs that they are linked with."""
    return await _uses(connection, way.write(_JOB_ENDS), jobs, way)


async def get_dataset_users(connection: Connection, datasets: Collection[int], way: Way) -> Uses:
    """The jobs that write or read datasets."""
    return await _uses(connection, way.write(_DATASET_USERS), datasets, way)


async def get_fields_of(connection: Connection, datasets: Collection[int]) -> dict[int, tuple[int, str]]:
    """The fields of datasets that have links: dataset and path by id."""
    rows = await connection.fetch(
        "SELECT field_id, dataset_id, path FROM fields WHERE dataset_id = ANY($1::bigint[])", list(datasets)
    )
    return {row[0]: (row[1], row[2]) for row in rows}


async def _uses(connection: Connection, query: str, ids: Collection[int], way: Way) -> Uses:
    rows = await connection.fetch(f"{query} LIMIT {MAX_USES + 1}", list(ids), *way.moment.arguments)
    records = [UseRecord(row[0], row[1], micros(row[2]), micros(row[3])) for row in rows[:MAX_USES]]
    return Uses(records, len(rows) <= MAX_USES)


async def _pages(
    connection: Connection, query: str, ids: Collection[int], way: Way, among: Collection[int] | None
) -> AsyncIterator[list[Record]]:
    arguments: list[object] = [list(ids), *way.moment.arguments]
    if among is not None:
        query += way.write(_AMONG, number=str(way.next_number))
        arguments.append(list(among))
    cursor = await connection.cursor(query + way.write(_IN_ORDER), *arguments)
    while rows := await cursor.fetch(AT_ONCE):
        yield rows


def _link_records(rows: list[Record]) -> list[LinkRecord]:
    return [LinkRecord(row[0], row[1], row[2], row[3], micros(row[4]), micros(row[5])) for row in rows]


def _field_link_records(rows: list[Record]) -> list[FieldLinkRecord]:
    return [FieldLinkRecord(r[0], r[1], r[2], r[3], r[4], micros(r[5]), micros(r[6])) for r in rows]
