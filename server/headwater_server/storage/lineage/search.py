"""Lists the links of one dataset or job, one hop away, page by page.

Both ends count under the names that they are shown under, so rows of several names are one link.
"""

from __future__ import annotations

from ...domain.job_links import BEGINNING
from ...domain.lineage_pages import LinkPlace, LinkQuery, ListedLink
from ..database import Connection, Record
from .moments import micros
from .pages import Way

_LINKS = """
SELECT '' AS near_path, COALESCE(d.canonical_id, l.{far}_id) AS far, '' AS far_path, job_id, inferred, since, until,
    0::bigint AS transformation_id
FROM links AS l LEFT JOIN datasets AS d ON d.dataset_id = l.{far}_id
WHERE l.{near}_id = ANY($1::bigint[])
"""
_USES = """
SELECT '' AS near_path, COALESCE(d.canonical_id, l.{far}_id) AS far, '' AS far_path, job_id, false AS inferred, since,
    until, 0::bigint AS transformation_id
FROM links AS l LEFT JOIN datasets AS d ON d.dataset_id = l.{far}_id
WHERE l.{near}_id = ANY($1::bigint[]) OR job_id = ANY($1::bigint[]) AND l.{far}_id <> job_id
    AND NOT EXISTS (SELECT FROM jobs WHERE jobs.job_id IN (l.{near}_id, l.{far}_id))
"""
_FIELD_LINKS = """
SELECT n.path AS near_path, COALESCE(d.canonical_id, f.dataset_id) AS far, f.path AS far_path, job_id,
    false AS inferred, since, until, transformation_id
FROM fields AS n JOIN field_links AS l ON l.{near}_id = n.field_id
JOIN fields AS f ON f.field_id = l.{far}_id LEFT JOIN datasets AS d ON d.dataset_id = f.dataset_id
WHERE n.dataset_id = ANY($1::bigint[])
"""
_AT_ONE_TIME = """
SELECT near_path, far, far_path, job_id, bool_and(inferred),
    timestamptz_send(COALESCE(min(since) FILTER (WHERE NOT inferred), min(since))),
    timestamptz_send(COALESCE(max(until) FILTER (WHERE NOT inferred), max(until))),
    array_agg(DISTINCT transformation_id)
FROM ({links}) AS found
WHERE {holds} AND (near_path, far, far_path, job_id) > ($2, $3, $4, $5)
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT $6
"""
_EVER = """
SELECT near_path, far, far_path, job_id, inferred, timestamptz_send(since), timestamptz_send(max(until)),
    array_agg(DISTINCT transformation_id), since
FROM ({links}) AS found
WHERE (near_path, far, far_path, job_id, since, inferred) > ($2, $3, $4, $5, $7, $8)
GROUP BY 1, 2, 3, 4, 5, since ORDER BY 1, 2, 3, 4, since, 5 LIMIT $6
"""


async def list_links(
    connection: Connection, query: LinkQuery, way: Way, after: LinkPlace, limit: int
) -> list[ListedLink]:
    """Links past a place, in the order of places."""
    links = way.write(_FIELD_LINKS if query.fields else _USES if query.is_job else _LINKS)
    arguments: list[object] = [query.ids, *after[:4], limit]
    if query.history:
        sql = _EVER.format(links=links)
        arguments += [after.since, after.inferred]
    else:
        sql = _AT_ONE_TIME.format(links=links, holds=way.moment.holds(7))
        arguments += way.moment.arguments
    return [_listed(row, query) for row in await connection.fetch(sql, *arguments)]


def _listed(row: Record, query: LinkQuery) -> ListedLink:
    near_path, far, far_path, job, inferred, since, until, transformations, *time = row
    place = LinkPlace(near_path, far, far_path, job, *(time[0], inferred) if query.history else (BEGINNING, False))
    return ListedLink(
        place, inferred, micros(since), micros(until), tuple(change for change in transformations if change)
    )
