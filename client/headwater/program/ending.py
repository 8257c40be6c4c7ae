"""How a process of a program ends once its work did."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn


def run_and_end(main: Callable[[], int]) -> NoReturn:
    """Runs a program, whose result is the exit status, and ends the process at once after that.

    Python is not taken apart first: since 1.75, gRPC's threads for asyncio go on while it is (grpc/grpc#40447), and
    where a channel, a server or a call is left over, they may use what is gone by then, and die of SIGSEGV. What the
    program opened it has closed, so there is nothing that would be done on the way, but to write what waits to be
    written; where that fails, Python ends it and says so.
    """
    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(status)
    os._exit(status)
