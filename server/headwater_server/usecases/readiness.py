"""Whether the server takes calls: asked of the store again and again, until the server stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from ..domain.errors import ShuttingDown, StoreUnavailable

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0


class StoreProbe(Protocol):
    """Asks the store how it is."""

    async def check(self) -> str | None:
        """What keeps this build from using the store, a colon, and the way out; None where nothing does.

        Raises StoreUnavailable, whose cause says why.
        """


class Readiness:
    """Knows whether the server is ready."""

    def __init__(self, probe: StoreProbe) -> None:
        self._probe = probe
        self._problem: str | None = "the store was not asked yet"
        self._is_stopping = False

    @property
    def is_ready(self) -> bool:
        """Whether calls are taken."""
        return not (self._is_stopping or self._problem)

    def gate(self) -> None:
        """Raises what a call is refused with: ShuttingDown, or StoreUnavailable, which says what to do about it."""
        if self._is_stopping:
            raise ShuttingDown
        if self._problem:
            raise StoreUnavailable(*self._problem.split(": ", 1))

    async def refresh(self, tell: Callable[[bool], Awaitable[None]]) -> None:
        """Asks the store once, and tells whether the server is ready where that has changed."""
        try:
            problem, cause = await self._probe.check(), None
        except StoreUnavailable as error:  # the cause is for the log: it may name hosts and users
            problem, cause = "the store does not answer", error.__cause__
        if problem == self._problem:
            return
        self._problem = problem
        if problem:
            logger.warning("not serving: %s%s", problem, f" ({cause!r})" if cause else "")
        else:
            logger.info("serving")
        await tell(problem is None)

    async def watch(self, tell: Callable[[bool], Awaitable[None]]) -> None:
        """Asks the store for as long as the server runs."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self.refresh(tell)

    def stop(self) -> None:
        """From now on every call is refused."""
        self._is_stopping = True
