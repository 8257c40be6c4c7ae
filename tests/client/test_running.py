"""How a program that runs for long is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from headwater.program.running import until_signalled


async def test_what_is_bounded_in_time_at_the_end_ends_by_its_timeout_alone() -> None:
    ends = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            task = asyncio.current_task()
            assert task is not None
            await asyncio.sleep(0)
            ends.append(f"cancelled {task.cancelling()} times")
            try:
                async with asyncio.timeout(0.01):
                    await asyncio.Event().wait()
            except TimeoutError:
                ends.append("timed out")

    asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
    await until_signalled(work(), "test", logging.getLogger("test"))
    assert ends == ["cancelled 0 times", "timed out"]
