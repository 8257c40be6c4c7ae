"""Leaves successful runs out where a pipeline asks for a sample; see `domain.pipeline_sampling`."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from ..domain.errors import HeadwaterError
from ..domain.pipeline_ports import SamplingStore
from ..domain.pipeline_sampling import SamplingRules

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 5.0
"""How often the rules are read, and runs decided on."""


class Sampling:
    """Knows the rules as they were some seconds ago. `dropped_runs` counts the runs that this process left out."""

    def __init__(self) -> None:
        self.rules: SamplingRules = {}
        self.dropped_runs = 0

    async def keep(self, store: SamplingStore) -> None:
        """Reads the rules and decides on runs for as long as the server runs; several servers may do so at once."""
        is_well = True
        while True:
            try:
                await self.settle(store, datetime.now(UTC))
                is_well = True
            except HeadwaterError as error:
                if is_well:
                    logger.warning("runs are not sampled for now: %r", error.__cause__ or error)
                is_well = False
            await asyncio.sleep(INTERVAL_SECONDS)

    async def settle(self, store: SamplingStore, now: datetime) -> None:
        """Reads the rules and decides on all runs that are due at a time. Raises StoreUnavailable."""
        self.rules = await store.rules()
        while (dropped := await store.settle(now)) is not None:
            self.dropped_runs += dropped
