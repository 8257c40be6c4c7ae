"""Hides assets from the current graph, and shows them again."""

from __future__ import annotations

from datetime import UTC, datetime

from headwater.names import DatasetName, JobName

from ..domain import ids
from ..domain.catalog_ports import CatalogStore
from ..domain.errors import NotFound
from ..domain.hiding import Deletion, DeletionKind


async def delete_asset(store: CatalogStore, name: DatasetName | JobName, time: datetime | None) -> None:
    """Hides an asset from a time on, now where None, until an event speaks of it again. Raises NotFound."""
    await _write(store, name, Deletion(time or datetime.now(UTC), DeletionKind.DELETE))


async def undelete_asset(store: CatalogStore, name: DatasetName | JobName, time: datetime | None) -> None:
    """Takes back a deletion from a time on, now where None. Raises NotFound."""
    await _write(store, name, Deletion(time or datetime.now(UTC), DeletionKind.UNDELETE))


async def _write(store: CatalogStore, name: DatasetName | JobName, deletion: Deletion) -> None:
    if isinstance(name, DatasetName):
        asset = ids.dataset_id(name.namespace, name.dataset)
    else:
        asset = ids.job_id(name.namespace, name.job)
    if not await store.delete(asset, deletion):
        raise NotFound(str(name))
