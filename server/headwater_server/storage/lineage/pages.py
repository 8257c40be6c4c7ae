"""Fetching the links that lead on from nodes: all at once where they are few, else page by page through a cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import NamedTuple

from ..database import Connection, Record
from .moments import Moment

_PAGED = """
SELECT found.*, COALESCE(d.canonical_id, {dataset}) AS far_dataset, {path} AS far_path
FROM ({query}) AS found LEFT JOIN datasets AS d ON d.dataset_id = {dataset} {among}
ORDER BY far_dataset, far_path, near, job_id
"""
_AMONG = "WHERE (far_id IN (SELECT unnest(${number}::bigint[]))) IS TRUE"
"""As it stands the ids are hashed; as a join, which `IS TRUE` forbids, each row may be compared with every id."""


class LinkQuery(NamedTuple):
    """A query about the links of nodes, whose columns begin with `near` and `far_id` and hold `job_id`.

    `ahead` is what links lead on to, for nodes `ahead.id`. `dataset` and `path` are where its rows tell the far end: a
    dataset or job, and the path of a field.
    """

    sql: str
    ahead: str
    dataset: str = "far_id"
    path: str = "''"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to go from one end of links to the other, at a time.

    `at_once` is how many links are fetched at once, and about the size of a page where there are more.
    """

    upstream: bool
    moment: Moment
    at_once: int

    def write(self, query: str) -> str:
        """A query about links that go this way; the time is its second argument, where there is one."""
        near, far = ("target", "source") if self.upstream else ("source", "target")
        return query.format(near=near, far=far, holds=self.moment.holds(2))


async def fetch_few(connection: Connection, query: LinkQuery, ids: Collection[int], way: Way) -> list[Record] | None:
    """The rows of a query about the links of nodes; None where there are more than can be fetched at once."""
    sql = f"{way.write(query.sql)} LIMIT {way.at_once + 1}"
    rows = await connection.fetch(sql, list(ids), *way.moment.arguments)
    return None if len(rows) > way.at_once else rows


async def fetch_pages(
    connection: Connection, query: LinkQuery, ids: Collection[int], way: Way, among: Collection[int] | None
) -> AsyncIterator[list[Record]]:
    """The rows page by page, in the order of the far ends as they are shown; those of one far end are on one page."""
    arguments: list[object] = [list(ids), *way.moment.arguments]
    if among is not None:
        arguments.append(list(among))
    condition = "" if among is None else _AMONG.format(number=len(arguments))
    sql = _PAGED.format(query=way.write(query.sql), dataset=query.dataset, path=query.path, among=condition)
    cursor = await connection.cursor(sql, *arguments)
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
    return row["far_dataset"], row["far_path"]
