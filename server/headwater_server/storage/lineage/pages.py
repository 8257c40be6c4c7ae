"""Fetching the links that lead on from nodes: all at once where they are few, else page by page through a cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from ..database import Connection, Record
from .moments import Moment

_PAGED = """
SELECT found.*, COALESCE(d.canonical_id, far_dataset) AS shown
FROM ({query}) AS found LEFT JOIN datasets AS d ON d.dataset_id = far_dataset {among}
ORDER BY shown, far_path, near, job_id
"""
_AMONG = "WHERE (far_id IN (SELECT unnest(${number}::bigint[]))) IS TRUE"
"""As it stands the ids are hashed; as a join, which `IS TRUE` forbids, each row may be compared with every id."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to go from one end of links to the other, at a time.

    `at_once` is how many links are fetched at once, and about the size of a page where there are more.
    """

    upstream: bool
    moment: Moment
    at_once: int

    def write(self, query: str, **parts: str) -> str:
        """A query about links that go this way; the time is its second argument, where there is one."""
        near, far = ("target", "source") if self.upstream else ("source", "target")
        return query.format(near=near, far=far, holds=self.moment.holds(2), **parts)


async def fetch_few(connection: Connection, query: str, ids: Collection[int], way: Way) -> list[Record] | None:
    """The rows of a query about the links of nodes; None where there are more than can be fetched at once."""
    sql = f"{way.write(query)} LIMIT {way.at_once + 1}"
    rows = await connection.fetch(sql, list(ids), *way.moment.arguments)
    return None if len(rows) > way.at_once else rows


async def fetch_pages(
    connection: Connection, query: str, ids: Collection[int], way: Way, among: Collection[int] | None
) -> AsyncIterator[list[Record]]:
    """The rows page by page, in the order of the far ends as they are shown; those of one far end are on one page.

    The columns of the query are called `near`, `far_id`, `far_dataset`, `far_path` and `job_id`.
    """
    arguments: list[object] = [list(ids), *way.moment.arguments]
    if among is not None:
        arguments.append(list(among))
    condition = "" if among is None else _AMONG.format(number=len(arguments))
    cursor = await connection.cursor(_PAGED.format(query=way.write(query), among=condition), *arguments)
    held: list[Record] = []
    while rows := await cursor.fetch(way.at_once):
        held += rows
        end = len(held)
        while end and _far_end(held[end - 1]) == _far_end(held[-1]):
            end -= 1
        if end:
            yield held[:end]
        held = held[end:]
    if held:
        yield held


def _far_end(row: Record) -> tuple[object, object]:
    return row["shown"], row["far_path"]
