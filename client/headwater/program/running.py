"""How a program that runs for long logs, and how it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def configure_logging(level: str, origin: str = "") -> None:
    """Logs to standard error from a level on, in UTC; `origin` tells apart processes that log to the same place."""
    where = f"{origin} %(name)s" if origin else "%(name)s"
    form = logging.Formatter(f"%(asctime)s.%(msecs)03dZ %(levelname)s {where} %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(form)
    logging.basicConfig(level=level, handlers=[handler])


async def until_signalled(
    work: Awaitable[None], program: str, logger: logging.Logger, *, second_status: int | None = None
) -> None:
    """Works until SIGTERM or SIGINT, by which the work is cancelled; a second one ends the program at once.

    With `second_status` the program then ends with that status; else as the signal ends any program.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop(sign: signal.Signals) -> None:
        logger.info("stopping on %s; a second one ends the %s at once", sign.name, program)
        for each in STOP_SIGNALS:
            loop.remove_signal_handler(each)
            if second_status is not None:
                loop.add_signal_handler(each, os._exit, second_status)
        task.cancel()
        # Until Python 3.11.3, in a task that counts as cancelled, `asyncio.timeout` ends what it bounds by another
        # cancellation: what the work does at its end would be cut off with its first timeout.
        loop.call_soon(task.uncancel)

    for sign in STOP_SIGNALS:
        loop.add_signal_handler(sign, stop, sign)
    with contextlib.suppress(asyncio.CancelledError):
        await work
