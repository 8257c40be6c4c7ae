"""What the parent tells a process that it starts, over its standard input, and what that answers on its output.

The input stays open for as long as the parent lives: its end is how a process learns of the parent's.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from dataclasses import dataclass

from ..config import LogLevel, Settings
from ..gateway.figures import Place

READY = b"ready\n"


@dataclass(frozen=True, slots=True)
class Assignment:
    """With which settings to serve, and as which of the processes."""

    settings: Settings
    place: Place

    @property
    def log_level(self) -> LogLevel:
        """What to log from."""
        return self.settings.log_level

    def to_bytes(self) -> bytes:
        """As it goes to the process."""
        return pickle.dumps(self)


def read_assignment(*_: object) -> Assignment:
    """What the parent said; the arguments and the environment say nothing."""
    try:
        found: Assignment = pickle.load(sys.stdin.buffer)  # noqa: S301  whoever started this process wrote it
    except EOFError:  # it is gone already
        sys.exit("headwater-server: `process` is started by `serve --processes`, not by hand")
    return found


def report_ready() -> None:
    """Tells the parent that calls are answered."""
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()


def stop_with_parent() -> None:
    """Has the process stop, as by SIGTERM, once the parent is gone; while it stops already, at once."""
    loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()

    def look() -> None:
        if not os.read(descriptor, 1):
            loop.remove_reader(descriptor)
            os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(descriptor, look)
