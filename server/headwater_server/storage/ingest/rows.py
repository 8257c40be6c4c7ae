"""Writing many rows in one statement, and remembering which rows are there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..database import Connection

MAX_KNOWN = 500_000
"""How many ids of a table are remembered; past it, all are forgotten."""


class InsertMissing:
    """Inserts the rows of a table that are not there yet: rows that are never changed.

    `columns` are the columns with their SQL types, the key first; `keys` says how many of them make the key. Rows are
    written in the order of their keys, so that two transactions never wait for each other in a circle.
    """

    def __init__(self, table: str, columns: dict[str, str], keys: int = 1) -> None:
        arrays = ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(columns.values(), start=1))
        order = ", ".join(str(i) for i in range(1, keys + 1))
        self.table = table
        self._keys = keys
        self._sql = (
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}) ORDER BY {order}"
            " ON CONFLICT DO NOTHING"
        )

    async def run(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        """Inserts rows, each in the order of the columns."""
        ordered = sorted(rows, key=lambda row: tuple(row[: self._keys]))
        if ordered:
            await connection.execute(self._sql, *map(list, zip(*ordered, strict=True)))


class Known:
    """The rows that this process knows to be committed, by table. What a transaction adds counts once it commits.

    A row may have a rank, of which the store keeps the least: it is missing as long as its rank is less than what is
    known.
    """

    def __init__(self) -> None:
        self._committed: dict[str, dict[Any, Any]] = {}
        self._pending: dict[str, dict[Any, Any]] = {}

    def missing(self, table: str, keys: Iterable[Any]) -> list[Any]:
        """Those of the keys whose rows may not be there; they count as written from now on."""
        return self.lower(table, dict.fromkeys(keys, 0))

    def lower(self, table: str, ranks: Mapping[Any, Any]) -> list[Any]:
        """The keys whose rows may be missing, or may have a greater rank; they count as written from now on."""
        committed = self._committed.setdefault(table, {})
        pending = self._pending.setdefault(table, {})
        found = [
            key for key, rank in ranks.items() if _is_lower(rank, committed, key) and _is_lower(rank, pending, key)
        ]
        pending.update((key, ranks[key]) for key in found)
        return found

    def commit(self) -> None:
        """Keeps what the transaction added."""
        for table, ranks in self._pending.items():
            committed = self._committed.setdefault(table, {})
            if len(committed) > MAX_KNOWN:
                committed.clear()
            committed.update(ranks)
        self._pending.clear()

    def rollback(self) -> None:
        """Forgets what the transaction added."""
        self._pending.clear()


def _is_lower(rank: Any, ranks: Mapping[Any, Any], key: Any) -> bool:
    return key not in ranks or rank < ranks[key]
