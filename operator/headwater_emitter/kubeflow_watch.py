"""Watches for what a task of Kubeflow Pipelines leaves behind, and tells of it before the pod ends.

The volumes are looked at every second, which costs a few calls to the system, and once more at the end: there is no
telling beforehand which change is the last. They are mounted read-only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from headwater.errors import HeadwaterError
from headwater.spool import Item

from .intake import Keeper
from .kubeflow_files import Budget, Stamp, find_outputs, stamp_of
from .kubeflow_outputs import task_event
from .pod import KubeflowTask

LOOK_SECONDS = 1.0
MAX_BYTES = 8 << 30
"""How many bytes of a task's outputs are read for their checksums."""
MAX_SECONDS = 60.0
"""How long that may take, while there is time."""

logger = logging.getLogger(__name__)


class KubeflowWatch:
    """Watches one task. Tells of it again where its files changed."""

    def __init__(self, task: KubeflowTask, keeper: Keeper) -> None:
        self._task = task
        self._keeper = keeper
        self._seen: Stamp = ()
        self._told = False
        self._looking = asyncio.Lock()
        self._budget = Budget(MAX_BYTES, 0.0)

    async def run(self) -> None:
        """Looks again and again, until it is cancelled."""
        while True:
            await self._look(MAX_SECONDS, is_last=False)
            await asyncio.sleep(LOOK_SECONDS)

    async def look_last(self, seconds: float) -> None:
        """Looks once more, for so long at the most; a look that is under way ends by then too."""
        self._budget.deadline = min(self._budget.deadline, time.monotonic() + seconds / 2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._look(seconds / 2, is_last=True)

    async def _look(self, seconds: float, *, is_last: bool) -> None:
        async with self._looking:
            try:
                stamp = await asyncio.to_thread(stamp_of, self._task)
                if stamp != self._seen or (is_last and not self._told):
                    await self._tell(seconds, is_last=is_last)
                    self._seen = stamp
            except HeadwaterError as error:
                logger.warning("what the task left is not told yet: %s", error)
            except Exception:
                logger.exception("what the task left cannot be read")

    async def _tell(self, seconds: float, *, is_last: bool) -> None:
        budget = self._budget = Budget(MAX_BYTES, time.monotonic() + seconds)
        found = await asyncio.to_thread(find_outputs, self._task, budget, is_last=is_last)
        event = task_event(self._task, found) if found else None
        if event is not None:
            body = event.SerializeToString(deterministic=True)
            await self._keeper.put([Item(body, self._task.run.run_id)])
            self._told = True
