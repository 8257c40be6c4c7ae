"""Times as they are counted where many of them are kept or compared: in microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
REMEMBERED = 4_096
"""How many times are remembered: when a run started is asked for a few times in a batch."""


def micros_of(time: datetime) -> int:
    """The microseconds from the beginning of 1970 to a time."""
    return (time - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=REMEMBERED)
def time_of(micros: int) -> datetime:
    """The time so many microseconds after 1970 began."""
    return _EPOCH + timedelta(microseconds=micros)
