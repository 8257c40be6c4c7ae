"""Starts the processes that serve, starts again those that end, and ends all of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

from ..app import Addresses, post_guard, store
from ..config import Dsn, Settings
from ..gateway.figures import Place
from .assignment import READY, Assignment
from .ports import held_ports

COMMAND = (sys.executable, "-m", "headwater_server.cli", "process")
STEADY_SECONDS = 10.0
"""A process that ends sooner after it was ready is started again after a pause, a longer one each time."""
LONGEST_PAUSE_SECONDS = 30.0
MOST_FAILURES = 5
"""How often in a row a process may be started and not become ready before the server gives up."""
SPARE_SECONDS = 10.0
"""How much longer than its drain a process may take to end before it is killed."""

logger = logging.getLogger(__name__)


class ProcessEnded(Exception):
    """A process does not become ready, or has ended so often before it was that it is not started again."""

    def __init__(self, number: int, code: int) -> None:
        super().__init__(f"process {number} ended with {code} before it was ready; its log says why")


class Serving:
    """The processes, kept running until they are stopped."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._ready = [asyncio.Event() for _ in range(settings.processes)]
        self._tasks = [asyncio.create_task(self._keep(number)) for number in range(settings.processes)]
        access = settings.access
        self.addresses = Addresses(
            settings.grpc_address, settings.http_address, access.grpc_mtls_address, settings.metrics_address
        )

    async def ready(self) -> None:
        """Returns once all of them answer. Raises ProcessEnded where one cannot."""
        all_ready = asyncio.create_task(self._all_ready())
        await asyncio.wait([all_ready, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        all_ready.cancel()
        self._raise_failure()

    async def failed(self) -> None:
        """Returns never. Raises ProcessEnded once one of them cannot be kept running."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        self._raise_failure()

    async def stop(self) -> None:
        """Returns when all have finished what they took, and ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _all_ready(self) -> None:
        for each in self._ready:
            await each.wait()

    def _raise_failure(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()

    async def _keep(self, number: int) -> None:
        """Starts a process, and starts it again whenever it ends. Raises ProcessEnded."""
        pause, failures, was_ready = 0.0, 0, False
        while True:
            code, lived = await self._run(number)
            was_ready |= lived is not None
            failures = failures + 1 if lived is None else 0
            if not was_ready or failures == MOST_FAILURES:
                raise ProcessEnded(number, code)
            if lived is not None and lived >= STEADY_SECONDS:
                pause = 0.0
            logger.error("process %d ended with %d and is started again in %g s", number, code, pause)
            await asyncio.sleep(pause)
            pause = min(max(1.0, pause * 2), LONGEST_PAUSE_SECONDS)

    async def _run(self, number: int) -> tuple[int, float | None]:
        """Runs a process to its end: its exit status, and the seconds it was ready, None where it never was."""
        process = await asyncio.create_subprocess_exec(*COMMAND, stdin=PIPE, stdout=PIPE, start_new_session=True)
        try:
            return await self._watch(number, process)
        finally:
            await self._end(process)

    async def _watch(self, number: int, process: Process) -> tuple[int, float | None]:
        assert process.stdin is not None
        assert process.stdout is not None
        place = Place(number, self._settings.processes, self._folder)
        process.stdin.write(Assignment(self._settings, place).to_bytes())
        with contextlib.suppress(ConnectionError):  # how it ended is told below
            await process.stdin.drain()
        if await process.stdout.readline() != READY:
            return await process.wait(), None
        began = time.monotonic()
        self._ready[number].set()
        return await process.wait(), time.monotonic() - began

    async def _end(self, process: Process) -> None:
        """Has a process finish what it took; one that takes too long is killed."""
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        ended = asyncio.create_task(process.wait())
        if not (await asyncio.wait([ended], timeout=self._settings.drain_timeout_seconds + SPARE_SECONDS))[0]:
            logger.error("a process did not end in time and is killed")
            process.kill()
            await ended


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Serving]:
    """Processes that answer inside of the block, and at its end finish what they took.

    Raises SettingsError, EmbeddedPostgresError, ProcessEnded, or OSError where an address is taken.
    """
    post_guard(settings)
    with held_ports(settings) as found, tempfile.TemporaryDirectory(prefix="headwater-") as folder:
        async with store(found) as dsn:
            processes = Serving(dataclasses.replace(found, dsn=Dsn(dsn)), Path(folder))
            try:
                await processes.ready()
                yield processes
            finally:
                await processes.stop()
