"""Which assets are hidden, and the writing of deletions."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from ...domain.hiding import Deletion, DeletionKind
from ..database import Connection
from ..graph_changes import Changed, note_changes
from ..statements import Statement, among, given
from ..tables import deletions

_GET = Statement(
    select(deletions.c.asset_id, deletions.c.time, deletions.c.kind).where(among(deletions.c.asset_id, "ids"))
)
_ADD = Statement(
    insert(deletions).values({column: given(column.name, column) for column in deletions.c}).on_conflict_do_nothing()
)


async def get_deletions(connection: Connection, assets: Iterable[int]) -> dict[int, list[Deletion]]:
    """What is known of deletions of assets, by id; most have none."""
    found: dict[int, list[Deletion]] = {}
    for asset, time, kind in await _GET.fetch(connection, ids=list(set(assets))):
        found.setdefault(asset, []).append(Deletion(time, DeletionKind(kind)))
    return found


async def add_deletion(connection: Connection, asset: int, deletion: Deletion) -> None:
    """Writes a deletion, or the taking back of one; once for the same time."""
    await _ADD.execute(connection, asset_id=asset, time=deletion.time, kind=deletion.kind)
    await note_changes(connection, Changed.ASSET, [asset])
