"""Rejections: events that the server will never take. They lie aside in the spool; their pipelines are told of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from google.protobuf.message import DecodeError

from headwater.spool import DeadLetter, Spool
from headwater.v1 import event_pb2 as pb

TOLD_FOR = timedelta(days=1)
"""For how long a rejection counts: what was rejected stays so, and what is sent since may be right."""

READ_AGAIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """What the server rejected of one pipeline's events: how many, and why the last of them."""

    count: int
    reason: str
    message: str
    job: str
    run: str


def rejections_of(letters: Iterable[DeadLetter], since: datetime) -> dict[str, Rejection]:
    """What was rejected of what was put since a time, by the UID of the pipeline."""
    found: dict[str, Rejection] = {}
    for each in letters:
        pipeline = each.item.context.decode(errors="replace")
        if not pipeline or each.milliseconds < since.timestamp() * 1000:
            continue
        known = found.get(pipeline)
        one = Rejection(1, each.refusal.reason, _message(each), _job_name(each), each.item.run)
        found[pipeline] = replace(one, count=known.count + 1) if known else one
    return found


def _message(letter: DeadLetter) -> str:
    field, message = letter.refusal.field, letter.refusal.message
    return message if not field or field in message else f"{field}: {message}"


def _job_name(letter: DeadLetter) -> str:
    try:
        return pb.Event.FromString(letter.item.event).run_event.job.name
    except DecodeError:
        return ""


class Rejections:
    """What lies aside in a spool, by pipeline."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._counted = 0
        self._read_at = -READ_AGAIN_SECONDS
        self._by_pipeline: dict[str, Rejection] = {}

    def of(self, pipeline: str) -> Rejection | None:
        """What was rejected of the pipeline that has a UID; None where nothing was."""
        return self._by_pipeline.get(pipeline)

    async def look(self) -> None:
        """Looks what lies aside, where there may be something new. Raises SpoolError."""
        figures, now = self._spool.figures, asyncio.get_running_loop().time()
        counted = figures.rejected + figures.corrupted
        is_old = bool(self._by_pipeline) and now - self._read_at >= READ_AGAIN_SECONDS
        if counted != self._counted or is_old:
            letters = await self._spool.dead_letters()
            self._by_pipeline = rejections_of(letters, datetime.now(UTC) - TOLD_FOR)
            self._counted, self._read_at = counted, now
