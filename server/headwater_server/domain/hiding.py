"""Since when an asset is hidden: from a deletion on, until something is said of it again or that is taken back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class DeletionKind(IntEnum):
    """What a deletion is; the numbers are those of the table `deletions`."""

    DROP = 1
    DELETE = 2
    UNDELETE = 3


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deletion, or the taking back of one, from a time on."""

    time: datetime
    kind: DeletionKind


def hidden_since(deletions: Iterable[Deletion], mentions: Iterable[datetime | None], now: datetime) -> datetime | None:
    """Since when the asset is hidden at the time `now`; None where it is not. `mentions` are when events spoke of it.

    An event that speaks of the asset at the time of the deletion does not bring it back: it may be the deletion itself.
    """
    known = [deletion for deletion in deletions if deletion.time <= now]
    shown = [deletion.time for deletion in known if deletion.kind is DeletionKind.UNDELETE]
    back = max(shown, default=None)
    last = max((time for time in mentions if time is not None and time <= now), default=None)
    hiding = (deletion.time for deletion in known if deletion.kind is not DeletionKind.UNDELETE)
    return min((t for t in hiding if (back is None or t > back) and (last is None or t >= last)), default=None)
