"""The log of what changed in the graph, written in the transaction that changes it.

A row says what to read again, not what it became: so a reader that reads it twice, or reads on in a later state, is
none the worse. A reader that knows one snapshot learns what a later one holds more from the rows that it had not seen:
those of transactions that were not finished then (see `storage.graph.changes`). A row is there for every change, for
whoever writes links, joined names, deletions or what tells a kind notes it here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import IntEnum

from .database import Connection

KEPT = timedelta(hours=1)
"""How long changes are kept. Who did not look for as long reads the whole graph."""

_NOTE = """
INSERT INTO graph_changes (position, kind, key)
SELECT pg_current_xact_id()::text::bigint, $1, key FROM unnest($2::bigint[]) AS changed (key) ON CONFLICT DO NOTHING
"""
_PRUNE = """
WITH old AS (
    DELETE FROM graph_changes WHERE position <= (
        SELECT max(position) FROM graph_changes
        WHERE time < now() - $1::interval AND position < pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
    RETURNING position)
INSERT INTO graph_changes_pruned AS known (only_row, through)
SELECT 1, max(position) FROM old HAVING count(*) > 0
ON CONFLICT (only_row) DO UPDATE SET through = GREATEST(known.through, excluded.through)
"""


class Changed(IntEnum):
    """What changed; the numbers are those of the table `graph_changes`."""

    LINKS = 1
    """Links that a job states, between datasets or fields: the key is the job's id."""
    ASSET = 2
    """A dataset's joined names, or the deletions of a dataset or job: the key is its id."""
    KIND = 3
    """What tells the kind of a dataset or job: the key is its id."""


async def note_changes(connection: Connection, what: Changed, keys: Iterable[int]) -> None:
    """Notes changes that the transaction makes."""
    ordered = sorted(set(keys))
    if ordered:
        await connection.execute(_NOTE, what, ordered)


async def prune_changes(connection: Connection) -> None:
    """Drops the changes that are older than is kept, and notes that they are gone."""
    await connection.execute(_PRUNE, KEPT)
