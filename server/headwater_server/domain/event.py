"""An event as it was understood; see `event_parser`."""

from __future__ import annotations

import uuid
from datetime import datetime

from msgspec import Struct

from .body_templates import Fitted
from .model import AssetName, EventKind, OrderKey, RunReference, RunState
from .statement import StatedLabel, Statement

NOBODY = uuid.UUID(int=0)


class NominalTime(Struct, frozen=True):
    """The interval that a run was scheduled for; either end may be missing."""

    start: datetime | None
    end: datetime | None


class Event(Struct, eq=False):
    """What a producer sent, understood.

    `identity` is a 16-byte hash of its content. `body` is the JSON text as it was sent. `subject` is the run's
    UUID, or one made of the dataset or job that the event is about. `state` is UNKNOWN where the event tells none.
    `key` says where the event stands among those of one thing. `fitted` is the template that the body fits, if it does.
    """

    identity: bytes
    body: bytes
    event_time: datetime
    key: OrderKey
    statement: Statement
    labels: tuple[StatedLabel, ...]
    kind: EventKind = EventKind.RUN
    subject: uuid.UUID = NOBODY
    state: RunState = RunState.UNKNOWN
    external_run_id: str | None = None
    parent: RunReference | None = None
    root: RunReference | None = None
    nominal_time: NominalTime | None = None
    fitted: Fitted | None = None

    @property
    def order_time(self) -> datetime:
        """The time that orders the event: its own, or that of its receipt where the producer's clock is far ahead."""
        return self.key.time

    @property
    def tree(self) -> int:
        """The job of the run at the root of the event's tree, as far as it tells: runs of one tree share rows."""
        root = self.root or self.parent
        return root.job_id if root else self.statement.owner

    @property
    def jobs(self) -> dict[int, AssetName]:
        """The jobs that the event names, by id: its own and those of the parent and the root."""
        named = {reference.job_id: reference.job for reference in (self.parent, self.root) if reference}
        if self.statement.job:
            named[self.statement.job.id] = self.statement.job.name
        return named
