"""The links that lead on from fields, and what is kept of fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable

import msgspec

from ...domain.lineage_ports import FieldLinkRecord
from ...domain.model import Transformation
from ..database import Connection, Record
from .lookahead import Lookahead
from .moments import micros
from .pages import LinkQuery, Way, fetch_pages

_SQL = """
SELECT l.{near}_id AS near, l.{far}_id AS far_id, l.job_id, l.transformation_id,
    timestamptz_send(l.since), timestamptz_send(l.until), f.dataset_id AS field_dataset, f.path AS field_path
FROM field_links AS l JOIN fields AS f ON f.field_id = l.{far}_id
WHERE l.{near}_id = ANY($1::bigint[]) AND {holds}
"""
_AHEAD = """
SELECT l.{far}_id FROM ahead JOIN field_links AS l ON l.{near}_id = ahead.id WHERE {holds}
"""
_IF_DIRECT = (
    "AND EXISTS (SELECT FROM transformations AS t WHERE t.transformation_id = l.transformation_id AND is_direct)"
)
_LINKS = LinkQuery(_SQL, _AHEAD, "field_dataset", "field_path")
_DIRECT = LinkQuery(_SQL + _IF_DIRECT, _AHEAD + _IF_DIRECT, "field_dataset", "field_path")
decode_transformations = msgspec.msgpack.Decoder(tuple[Transformation, ...]).decode
"""The ways that a row of `transformations` holds."""


async def get_field_links(
    connection: Connection, ahead: Lookahead, ids: Collection[int], way: Way, *, exclude_indirect: bool
) -> list[FieldLinkRecord] | None:
    """The links that lead on from fields, in no order; None where there are more than can be fetched at once."""
    rows = await ahead.fetch(connection, _DIRECT if exclude_indirect else _LINKS, ids, way)
    return None if rows is None else _records(rows)


async def page_field_links(
    connection: Connection,
    ids: Collection[int],
    way: Way,
    *,
    exclude_indirect: bool,
    among: Collection[int] | None,
) -> AsyncIterator[list[FieldLinkRecord]]:
    """The links that lead on from fields, page by page in the order of their far ends; only to `among`, where given."""
    async for rows in fetch_pages(connection, _DIRECT if exclude_indirect else _LINKS, ids, way, among):
        yield _records(rows)


async def get_fields_of(connection: Connection, datasets: Collection[int]) -> dict[int, tuple[int, str]]:
    """The fields of datasets that have links: dataset and path by id."""
    rows = await connection.fetch(
        "SELECT field_id, dataset_id, path FROM fields WHERE dataset_id = ANY($1::bigint[])", list(datasets)
    )
    return {row[0]: (row[1], row[2]) for row in rows}


async def get_transformations(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[Transformation, ...]]:
    """How fields are made of others, by id."""
    rows = await connection.fetch(
        "SELECT transformation_id, body FROM transformations WHERE transformation_id = ANY($1::bigint[])", list(ids)
    )
    return {row[0]: decode_transformations(row[1]) for row in rows}


def _records(rows: list[Record]) -> list[FieldLinkRecord]:
    return [FieldLinkRecord(r[0], r[6], r[7], r[2], r[3], micros(r[4]), micros(r[5])) for r in rows]
