"""An event as it was understood; see `event_parser`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from . import ids
from .model import AssetName, EventKind, OrderKey, RunReference, RunState
from .statement import StatedLabel, Statement


@dataclass(frozen=True, slots=True)
class NominalTime:
    """The interval that a run was scheduled for; either end may be missing."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """What a producer sent, understood.

    `identity` is a 16-byte hash of the canonical form. `body` is the JSON text as it was sent. `subject` is the run's
    UUID, or one made of the dataset or job that the event is about. `state` is UNKNOWN where the event tells none.
    `order_time` is `event_time`, or the time of receipt where the producer's clock is far ahead.
    """

    identity: bytes
    body: bytes
    kind: EventKind
    subject: uuid.UUID
    event_time: datetime
    order_time: datetime
    state: RunState
    statement: Statement
    labels: tuple[StatedLabel, ...]
    external_run_id: str | None = None
    parent: RunReference | None = None
    root: RunReference | None = None
    nominal_time: NominalTime | None = None

    @property
    def key(self) -> OrderKey:
        """Where the event stands among those of one thing."""
        return OrderKey(self.order_time, self.state.finality, self.identity[:8])

    @property
    def jobs(self) -> dict[int, AssetName]:
        """The jobs that the event names, by id: its own and those of the parent and the root."""
        names = [reference.job for reference in (self.parent, self.root) if reference]
        if self.statement.job:
            names.append(self.statement.job.name)
        return {ids.job_id(*name): name for name in names}
