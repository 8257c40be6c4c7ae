"""Times as the graph's queries take and give them.

A walk reads thousands of times: they travel as PostgreSQL's own eight bytes, for making a datetime of each costs as
much as finding the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from ...domain.lineage import FOREVER

EPOCH_2000 = 946_684_800_000_000
"""PostgreSQL counts microseconds from 2000 on: this many after 1970 began."""
REMEMBERED = 100_000
"""How many times are remembered: the links of a job begin at few."""
_INFINITY = (2**63 - 1).to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time at which the graph is asked; None is now."""

    time: datetime | None

    def holds(self, number: int, alias: str = "") -> str:
        """The condition on links that hold then, its argument being the one of that number."""
        if self.time is None:
            return f"{alias}until = 'infinity'"
        return f"{alias}since <= ${number} AND {alias}until > ${number}"

    @property
    def arguments(self) -> tuple[datetime, ...]:
        """The arguments of the condition."""
        return () if self.time is None else (self.time,)


@lru_cache(REMEMBERED)
def micros(packed: bytes) -> int:
    """The microseconds since 1970 of a time as `timestamptz_send` gives it."""
    return FOREVER if packed == _INFINITY else int.from_bytes(packed, "big", signed=True) + EPOCH_2000
