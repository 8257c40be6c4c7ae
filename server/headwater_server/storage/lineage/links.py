"""The links that lead on from datasets and jobs.

Most nodes have few links: they are fetched at once. Some have hundreds of thousands: see `pages`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from ...domain.lineage_ports import UseRecord, Uses
from ...domain.walk import Edge
from ..database import Connection, Record
from .lookahead import Lookahead
from .moments import micros
from .pages import LinkQuery, Way, fetch_pages

MAX_USES = 200_000
"""How many datasets or jobs are given that a level of jobs leads to."""

_LINKS = LinkQuery(
    """
SELECT {near}_id AS near, {far}_id AS far_id, job_id, inferred, timestamptz_send(since), timestamptz_send(until)
FROM links WHERE {near}_id = ANY($1::bigint[]) AND {holds}
""",
    "SELECT {far}_id FROM ahead JOIN links ON {near}_id = ahead.id WHERE {holds}",
)
_STATED = LinkQuery(f"{_LINKS.sql} AND NOT inferred", f"{_LINKS.ahead} AND NOT inferred")
_JOB_ENDS = """
SELECT user_id, {far}_id, job_id, timestamptz_send(min(since)), timestamptz_send(max(until)) FROM (
    SELECT job_id AS user_id, {far}_id, job_id, since, until FROM links AS l
    WHERE job_id = ANY($1::bigint[]) AND {holds} AND {far}_id <> job_id
    AND NOT EXISTS (SELECT FROM jobs WHERE jobs.job_id = l.{far}_id)
    AND ({near}_id = job_id OR NOT EXISTS (SELECT FROM jobs WHERE jobs.job_id = l.{near}_id))
    UNION ALL
    SELECT {near}_id, {far}_id, job_id, since, until FROM links
    WHERE {near}_id = ANY($1::bigint[]) AND {holds}) AS found
GROUP BY 1, 2, 3 ORDER BY 2, 1, 3
"""
_DATASET_USERS = """
SELECT {near}_id, user_id, job_id, timestamptz_send(min(since)), timestamptz_send(max(until)) FROM (
    SELECT {near}_id, COALESCE(j.job_id, l.job_id) AS user_id, l.job_id, since, until
    FROM links AS l LEFT JOIN jobs AS j ON j.job_id = l.{far}_id
    WHERE {near}_id = ANY($1::bigint[]) AND {holds}) AS found
WHERE user_id <> 0 GROUP BY 1, 2, 3 ORDER BY 2, 1, 3
"""


async def get_links(
    connection: Connection, ahead: Lookahead, ids: Collection[int], way: Way, *, exclude_inferred: bool
) -> list[Edge[int]] | None:
    """The links that lead on, in no order; None where there are more than can be fetched at once."""
    rows = await ahead.fetch(connection, _STATED if exclude_inferred else _LINKS, ids, way)
    return None if rows is None else _records(rows)


async def page_links(
    connection: Connection,
    ids: Collection[int],
    way: Way,
    *,
    exclude_inferred: bool,
    among: Collection[int] | None,
) -> AsyncIterator[list[Edge[int]]]:
    """The links that lead on, page by page in the order of their far ends; only to `among`, where given."""
    async for rows in fetch_pages(connection, _STATED if exclude_inferred else _LINKS, ids, way, among):
        yield _records(rows)


async def get_job_ends(connection: Connection, jobs: Collection[int], way: Way) -> Uses:
    """What jobs read or write, and the jobs that they are linked with."""
    return await _uses(connection, _JOB_ENDS, jobs, way)


async def get_dataset_users(connection: Connection, datasets: Collection[int], way: Way) -> Uses:
    """The jobs that write or read datasets."""
    return await _uses(connection, _DATASET_USERS, datasets, way)


async def _uses(connection: Connection, query: str, ids: Collection[int], way: Way) -> Uses:
    sql = f"{way.write(query)} LIMIT {MAX_USES + 1}"
    rows = await connection.fetch(sql, list(ids), *way.moment.arguments)
    records = [UseRecord(r[0], r[1], r[2], micros(r[3]), micros(r[4])) for r in rows[:MAX_USES]]
    return Uses(records, len(rows) <= MAX_USES)


def _records(rows: list[Record]) -> list[Edge[int]]:
    return [Edge(row[0], row[1], row[2], row[3], micros(row[4]), micros(row[5])) for row in rows]
