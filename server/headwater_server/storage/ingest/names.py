"""Joins the names of datasets that symlinks say are one."""

from __future__ import annotations

from collections.abc import Iterable

from ...domain.model import AssetName
from ...domain.symlinks import canonical_member, joined_sets
from ..database import Connection
from ..graph_changes import Changed, note_changes
from .rows import InsertMissing, KnownRows

SYMLINKS = InsertMissing("symlinks", {"alias_id": "bigint", "dataset_id": "bigint"}, keys=2)

_REACHED = """
WITH RECURSIVE reached (id) AS (
    SELECT unnest($1::bigint[])
    UNION
    SELECT CASE WHEN alias_id = id THEN dataset_id ELSE alias_id END
    FROM reached JOIN symlinks ON alias_id = id OR dataset_id = id
)
SELECT alias_id, dataset_id FROM symlinks WHERE alias_id IN (SELECT id FROM reached)
"""


async def add_symlinks(connection: Connection, known: KnownRows, symlinks: Iterable[tuple[int, int]]) -> None:
    """Writes pairs of alias and dataset that are new, and under which name their sets are shown from now on."""
    new = [pair for pair in known.missing("symlinks", symlinks) if pair[0] != pair[1]]
    if not new:
        return
    await connection.execute("SELECT FROM locks WHERE lock = 'names' FOR UPDATE")
    await SYMLINKS.run(connection, new)
    pairs = [(row[0], row[1]) for row in await connection.fetch(_REACHED, _members(new))]
    names = await _names(connection, _members(pairs))
    aliases = {alias for alias, _ in pairs}
    shown = {member: canonical_member(members, aliases, names) for members in joined_sets(pairs) for member in members}
    moved = await connection.fetch(
        "UPDATE datasets SET canonical_id = new.canonical_id"
        " FROM unnest($1::bigint[], $2::bigint[]) AS new (dataset_id, canonical_id)"
        " WHERE datasets.dataset_id = new.dataset_id AND datasets.canonical_id IS DISTINCT FROM new.canonical_id"
        " RETURNING datasets.dataset_id",
        list(shown),
        list(shown.values()),
    )
    await note_changes(connection, Changed.ASSET, (row[0] for row in moved))


def _members(pairs: Iterable[tuple[int, int]]) -> list[int]:
    return sorted({member for pair in pairs for member in pair})


async def _names(connection: Connection, datasets: list[int]) -> dict[int, AssetName]:
    rows = await connection.fetch(
        "SELECT dataset_id, namespace, name FROM datasets JOIN namespaces USING (namespace_id)"
        " WHERE dataset_id = ANY($1::bigint[])",
        datasets,
    )
    return {row[0]: AssetName(row[1], row[2]) for row in rows}
