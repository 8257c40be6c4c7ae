"""Writing many rows in one statement, and remembering which rows are there already."""

from __future__ import annotations

from collections import defaultdict
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
    """The rows that this process knows to be committed, by table. What a transaction adds counts once it commits."""

    def __init__(self) -> None:
        self.committed: defaultdict[str, dict[Any, Any]] = defaultdict(dict)

    def begin(self) -> KnownRows:
        """The rows that a transaction that begins now knows of."""
        return KnownRows(self)


class KnownRows:
    """The rows that a transaction knows of: those that are committed, and its own.

    A row may have a rank, of which the store keeps the least: it is missing as long as its rank is less than what is
    known.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._own: defaultdict[str, dict[Any, Any]] = defaultdict(dict)

    def missing(self, table: str, keys: Iterable[Any]) -> list[Any]:
        """Those of the keys whose rows may not be there; they count as written from now on."""
        committed, own = self._known.committed[table], self._own[table]
        found = [key for key in dict.fromkeys(keys) if key not in committed and key not in own]
        own.update(dict.fromkeys(found, 0))
        return found

    def lower(self, table: str, ranks: Mapping[Any, Any]) -> list[Any]:
        """The keys whose rows may be missing, or may have a greater rank; they count as written from now on."""
        committed, own = self._known.committed[table], self._own[table]
        found = [key for key, rank in ranks.items() if _is_lower(rank, committed, key) and _is_lower(rank, own, key)]
        own.update((key, ranks[key]) for key in found)
        return found

    def is_committed(self, table: str, key: Any) -> bool:
        """Whether a row was there before the transaction began."""
        return key in self._known.committed[table]

    def commit(self) -> None:
        """Has others know what the transaction added."""
        for table, ranks in self._own.items():
            committed = self._known.committed[table]
            if len(committed) > MAX_KNOWN:
                committed.clear()
            for key, rank in ranks.items():
                if _is_lower(rank, committed, key):
                    committed[key] = rank


def _is_lower(rank: Any, ranks: Mapping[Any, Any], key: Any) -> bool:
    return key not in ranks or rank < ranks[key]
