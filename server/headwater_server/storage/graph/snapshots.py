"""Which transactions a snapshot holds, and what it holds more than an earlier one.

A snapshot holds every transaction before its `xmin` that was committed at all. What it holds from there on is told by
the log itself: a row that is seen was committed. So whoever read, in one snapshot, all rows from `xmin` on, and later
reads the rows from there on that are not among those, has missed none, however the commits lay. This needs no list of
running transactions, which a replica does not give.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.errors import InvalidField
from ..database import Connection
from ..graph_changes import Changed

MAX_CHANGES = 20_000
"""How many changes are read one by one; where there are more, the whole graph is read again."""

_POLL = """
SELECT pg_current_snapshot()::text, pg_is_in_recovery(),
    COALESCE((SELECT through FROM graph_changes_pruned), 0),
    ARRAY(SELECT position {rows}), ARRAY(SELECT kind {rows}), ARRAY(SELECT key {rows})
""".format(
    rows="FROM graph_changes WHERE position >= $1 AND position <> ALL($2::bigint[])"
    f" ORDER BY position, kind, key LIMIT {MAX_CHANGES + 1}"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a snapshot holds: every transaction before `xmin`, and the `later` ones whose changes were read."""

    xmin: int
    xmax: int
    running: frozenset[int]
    is_replica: bool
    later: frozenset[int]

    @property
    def position(self) -> str:
        """The last position that the snapshot surely holds with all before it."""
        return str(self.xmin - 1)

    def holds(self, position: int) -> bool:
        """Whether the snapshot surely holds a transaction."""
        if position < self.xmin or position in self.later:
            return True
        return not self.is_replica and position < self.xmax and position not in self.running


NOTHING = Seen(0, 0, frozenset(), is_replica=False, later=frozenset())


@dataclass(frozen=True, slots=True)
class Poll:
    """A snapshot, and the keys of what changed since another: None where the log does not tell."""

    seen: Seen
    changes: dict[Changed, list[int]] | None


async def poll(connection: Connection, since: Seen) -> Poll:
    """What the connection's snapshot holds more."""
    row = await connection.fetchrow(_POLL, since.xmin, list(since.later))
    assert row is not None
    text, is_replica, pruned_through, positions, kinds, keys = row
    xmin, xmax, running = _parse(text)
    later = frozenset(position for position in {*since.later, *positions} if position >= xmin)
    seen = Seen(xmin, xmax, running, is_replica, later)
    if len(keys) > MAX_CHANGES or pruned_through >= since.xmin:
        return Poll(seen, None)
    changes: dict[Changed, list[int]] = {}
    for kind, key in zip(kinds, keys, strict=True):
        changes.setdefault(Changed(kind), []).append(key)
    return Poll(seen, changes)


async def see(connection: Connection) -> Seen:
    """What the connection's snapshot holds. The graph has to be read in that very snapshot."""
    xmin = await connection.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    found = await connection.fetch("SELECT DISTINCT position FROM graph_changes WHERE position >= $1", xmin)
    polled = await poll(connection, Seen(xmin, xmin, frozenset(), False, frozenset(row[0] for row in found)))
    return polled.seen


def read_position(text: str) -> int | None:
    """The position, where one is asked for. Raises InvalidField where it can be none."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) < 2**63):
        raise InvalidField("min_position", "is no position", "send the position that a write returned")
    return int(text)


def _parse(snapshot: str) -> tuple[int, int, frozenset[int]]:
    xmin, xmax, running = snapshot.split(":")
    return int(xmin), int(xmax), frozenset(map(int, running.split(","))) if running else frozenset()
