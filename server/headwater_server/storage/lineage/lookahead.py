"""Reads the links of nodes that a walk will soon ask about: what lies behind those that it is at.

A walk asks level by level, and each question costs a round trip. After a few of them the links behind its nodes are
read ahead, and the next levels are answered from these. That changes no answer: it counts only for nodes all of whose
links were read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ...domain import ids
from ...domain.lineage_ports import Ahead
from ...domain.links import WHOLE
from ..database import Connection, Record
from .pages import LinkQuery, Way, fetch_few

PATIENCE = 2
"""How many questions are answered without reading ahead: many walks are short."""
LINKS_FOR_EACH_NODE = 4
"""How many links a node is thought to have: so many nodes less are read ahead than links may be given at once."""

_NODES = """
WITH RECURSIVE ahead (id) AS (SELECT unnest($1::bigint[]) UNION {ahead}) SELECT id FROM ahead LIMIT {limit}
"""


class Lookahead:
    """The links that were read ahead on one walk, each way on its own."""

    def __init__(self) -> None:
        self._asked: dict[bool, int] = {}
        self._known: dict[bool, dict[int, list[Record]]] = {True: {}, False: {}}
        self._met = Ahead(set(), set())
        self._is_futile = False

    def take_met(self) -> Ahead:
        """What was met in links that were read ahead since this was last asked."""
        met, self._met = self._met, Ahead(set(), set())
        return met

    async def fetch(
        self, connection: Connection, query: LinkQuery, nodes: Collection[int], way: Way
    ) -> list[Record] | None:
        """The rows of a query about the links of nodes; None where there are more than can be fetched at once."""
        known = self._known[way.upstream]
        missing = [node for node in nodes if node not in known]
        rows: list[Record] = []
        if missing and not await self._read_ahead(connection, query, missing, way):
            few = await fetch_few(connection, query, missing, way)
            if few is None:
                return None
            rows = few
        rows += [row for node in nodes for row in known.get(node, ())]
        return None if len(rows) > way.at_once else rows

    async def _read_ahead(self, connection: Connection, query: LinkQuery, nodes: Collection[int], way: Way) -> bool:
        """Reads the links of nodes and what is behind them, where that is worth it; whether it did."""
        asked = self._asked[way.upstream] = self._asked.get(way.upstream, 0) + 1
        if self._is_futile or asked <= PATIENCE or len(nodes) >= way.at_once // LINKS_FOR_EACH_NODE:
            return False
        return await self._read(connection, query, nodes, way)

    async def _read(self, connection: Connection, query: LinkQuery, nodes: Collection[int], way: Way) -> bool:
        """Reads the links of nodes and of what is behind them; whether all of them were read.

        Two statements, for of one alone PostgreSQL does not know how few nodes it is about: it may read every link.
        """
        sql = _NODES.format(ahead=way.write(query.ahead), limit=way.at_once // LINKS_FOR_EACH_NODE)
        chosen = [row[0] for row in await connection.fetch(sql, list(nodes), *way.moment.arguments)]
        rows = await fetch_few(connection, query, chosen, way)
        if rows is None:
            self._is_futile = True
            return False
        found: dict[int, list[Record]] = {node: [] for node in chosen}
        ends: set[int] = set()
        for row in rows:
            found[row["near"]].append(row)
            ends.add(row[query.dataset])
            self._met.jobs.add(row["job_id"])
        self._met.ends.update(ends)
        known = self._known[way.upstream]
        known.update(found)
        if query.dataset != "far_id":  # a walk goes on from a field, and from its dataset as a whole
            for field in await _unknown_fields(connection, (ids.field_id(dataset, WHOLE) for dataset in ends)):
                known.setdefault(field, [])
        return True


async def _unknown_fields(connection: Connection, fields: Iterable[int]) -> set[int]:
    """Those of the fields that no link names."""
    asked = set(fields)
    rows = await connection.fetch("SELECT field_id FROM fields WHERE field_id = ANY($1::bigint[])", list(asked))
    return asked.difference(row[0] for row in rows)
