"""What has to be done now and then: partitions are made ahead of time, and old ones dropped."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import asyncpg

from ..domain.errors import HeadwaterError
from .database import Database
from .partitions import drop_partitions, ensure_partitions

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 3600


async def keep_partitions(database: Database, *, rejected_days: int) -> None:
    """Keeps the partitions in order for as long as the server runs. Rejected events are kept for so many days.

    Several servers may do this at once: what one of them has done, another finds done, or fails and finds so later.
    """
    while True:
        try:
            async with database.transaction() as connection:
                await ensure_partitions(connection)
            async with database.transaction() as connection:
                oldest = datetime.now(UTC) - timedelta(days=rejected_days)
                for name in await drop_partitions(connection, "rejected_events", oldest):
                    logger.info("dropped %s", name)
        except (asyncpg.PostgresError, HeadwaterError) as error:
            logger.warning("partitions were not kept in order: %r", error.__cause__ or error)
        await asyncio.sleep(INTERVAL_SECONDS)
