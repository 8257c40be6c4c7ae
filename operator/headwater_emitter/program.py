"""The emitter as a process: how it logs, says that it is ready, keeps its memory small, and ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading

from headwater.program.running import configure_logging, until_signalled

from .app import Emitter, running
from .settings import Settings

SPARE_SECONDS = 3.0
"""How long the end may take beside what it may still deliver."""

logger = logging.getLogger(__name__)


def work(settings: Settings, mistakes: str = "") -> None:
    """Works until SIGTERM or SIGINT; a second one ends the process at once, with 0."""
    configure_logging(settings.log_level.name)
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.root.level))
    asyncio.run(until_signalled(_work(settings, mistakes), "emitter", logger, second_status=0))


async def _work(settings: Settings, mistakes: str) -> None:
    async with running(settings, mistakes) as emitter:
        gc.collect()
        gc.freeze()
        _say_ready(emitter)
        try:
            await asyncio.Event().wait()
        finally:
            _end_for_sure(settings.drain_seconds + SPARE_SECONDS)


def _end_for_sure(seconds: float) -> None:
    """Ends the process after so long whatever it waits for: a disk that hangs would else hold up the pod."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _say_ready(emitter: Emitter) -> None:
    doors = "".join(f" {door}={address}" for door, address in sorted(emitter.addresses.items()))
    sys.stdout.write(f"headwater-emitter ready{doors}\n")
    sys.stdout.flush()
