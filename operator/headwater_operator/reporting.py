"""Reporting: what is new of a record goes into the spool, from where it is delivered for as long as that takes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from headwater.spool import Item, Spool

from .events import ReportedEvent
from .records import Record


class Reporter:
    """Puts each event of a record into the spool once. After a restart all go again; the server tells them apart."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.reported = 0
        """How many events were put into the spool."""

        self.dropped = 0
        """How many droppable ones had to make room."""

    async def report(self, record: Record, events: Iterable[ReportedEvent]) -> bool:
        """Keeps what was not reported yet; whether there was any. Raises SpoolError; then it is tried again later."""
        new = {identity: each for each in events if (identity := _identity(each)) not in record.reported}
        if not new:
            return False
        items = [
            Item(each.body, run=str(each.run), droppable=each.droppable, context=each.pipeline.encode())
            for each in new.values()
        ]
        self.dropped += await self._spool.put(items)
        record.reported.update(new)
        record.runs.update(each.run for each in new.values())
        self.reported += len(items)
        return True


def _identity(event: ReportedEvent) -> int:
    return int.from_bytes(hashlib.blake2b(event.body, digest_size=8).digest())
