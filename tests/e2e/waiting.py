"""Waits for what only asking again and again tells."""

from __future__ import annotations

import time
from collections.abc import Callable

from .kubernetes_access import PATIENCE_SECONDS


def until(holds: Callable[[], bool], patience: float = PATIENCE_SECONDS) -> None:
    """Asks until it holds.

    Raises:
        AssertionError: it did not hold within `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, f"not within {patience} s"
        time.sleep(0.3)
