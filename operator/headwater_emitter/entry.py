"""Where the process begins. In a pod the first thing is to end with 0 on a signal, long before all of it is loaded."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import signal
import sys

STAY = "--stay"
"""The argument of an emitter that never ends by itself."""

_M_ARENA_MAX = -8


def main() -> int:
    """Runs the command; the exit status."""
    if STAY in sys.argv:
        end_well_on_signals()
    _share_one_heap()  # before there is a second thread
    status: int = importlib.import_module("headwater_emitter.cli").main()
    return status


def _share_one_heap() -> None:
    """Has all threads take memory from one place: glibc else keeps some for each of them (2 MB less in all)."""
    with contextlib.suppress(AttributeError, OSError):  # another libc has no such thing, nor needs it
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def end_well_on_signals() -> None:
    """Ends the process at once, with 0, on a signal: for as long as there is no emitter to end in order."""
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: os._exit(0))


if __name__ == "__main__":
    sys.exit(main())
