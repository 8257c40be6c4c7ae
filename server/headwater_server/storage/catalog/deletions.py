"""Which assets are hidden, and the writing of deletions."""

from __future__ import annotations

from collections.abc import Iterable

from ...domain.hiding import Deletion, DeletionKind
from ..database import Connection


async def get_deletions(connection: Connection, assets: Iterable[int]) -> dict[int, list[Deletion]]:
    """What is known of deletions of assets, by id; most have none."""
    rows = await connection.fetch(
        "SELECT asset_id, time, kind FROM deletions WHERE asset_id = ANY($1::bigint[])", list(set(assets))
    )
    found: dict[int, list[Deletion]] = {}
    for asset, time, kind in rows:
        found.setdefault(asset, []).append(Deletion(time, DeletionKind(kind)))
    return found


async def add_deletion(connection: Connection, asset: int, deletion: Deletion) -> None:
    """Writes a deletion, or the taking back of one; once for the same time."""
    await connection.execute(
        "INSERT INTO deletions (asset_id, time, kind) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        asset,
        deletion.time,
        deletion.kind,
    )
