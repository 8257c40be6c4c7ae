"""What has to be done now and then: partitions are made ahead of time, and old ones and old changes dropped."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from ..domain.errors import HeadwaterError
from .database import Database
from .graph_changes import prune_changes
from .partitions import drop_partitions, ensure_partitions

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 3600
LOCK_SECONDS = 5
"""How long dropping waits for its lock; whoever writes waits behind it. What was not dropped is next time."""


@dataclass(slots=True)
class Upkeep:
    """When the partitions were found in order last, in seconds since 1970; zero before."""

    last_done: float = 0.0


async def keep_partitions(
    database: Database, upkeep: Upkeep, *, rejected_days: int, keep_events_days: int | None = None
) -> None:
    """Keeps the partitions in order for as long as the server runs, and notes in `upkeep` when they were.

    Rejected events are kept for so many days, and so are events; for ever where that is None. Several servers may do
    this at once: what one of them has done, another finds done, or fails and finds so later.
    """
    kept = {"rejected_events": rejected_days, "events": keep_events_days}
    while True:
        try:
            async with database.transaction() as connection:
                await ensure_partitions(connection)
                await prune_changes(connection)
            for table, days in kept.items():
                if days is not None:
                    await _drop(database, table, datetime.now(UTC) - timedelta(days=days))
            upkeep.last_done = time.time()
        except (asyncpg.PostgresError, HeadwaterError) as error:
            logger.warning("partitions and the log of changes were not kept in order: %r", error.__cause__ or error)
        await asyncio.sleep(INTERVAL_SECONDS)


async def _drop(database: Database, table: str, before: datetime) -> None:
    async with database.transaction() as connection:
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        for name in await drop_partitions(connection, table, before):
            logger.info("dropped %s", name)
