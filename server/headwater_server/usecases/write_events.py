"""Writes a batch of events in one transaction."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..domain.batch import Facts, fold_batch
from ..domain.event import Event
from ..domain.ingest_ports import IngestStore, IngestTransaction
from ..domain.model import EventKind
from ..domain.pipeline_sampling import left_out
from ..domain.run_merge import RunMerge
from ..domain.run_reports import Reports, reports_in, told_to_ancestors
from ..domain.statement import Statement
from .sampling import Sampling

REMEMBERED = 4_096
"""How many statements are remembered; a run's next event often comes soon."""


@dataclass(frozen=True, slots=True)
class Written:
    """The identities of the events that were new, and the position that holds all of them."""

    new: set[bytes]
    position: str


class EventWriter:
    """Writes batches of events, one at a time."""

    def __init__(self, store: IngestStore, sampling: Sampling) -> None:
        self._store = store
        self._sampling = sampling
        self._facts = Facts()
        self._statements: OrderedDict[int, Statement] = OrderedDict()

    async def write(self, events: Sequence[Event], received: datetime, senders: Mapping[bytes, str]) -> Written:
        """Commits events; `senders` are by identity. Raises Conflict, StoreUnavailable or IdCollision."""
        by_identity = {event.identity: event for event in events}
        async with self._store.transaction() as transaction:
            position = await transaction.position()
            await transaction.add_names(by_identity.values())
            await transaction.lock_jobs({job.id for event in events if (job := event.statement.job)})
            new = await transaction.archive(list(by_identity.values()), received, senders)
            if new:
                await self._apply(transaction, [event for key, event in by_identity.items() if key in new])
        return Written(new, position)

    async def _apply(self, transaction: IngestTransaction, events: Sequence[Event]) -> None:
        runs = await transaction.runs({event.subject for event in events if event.kind is EventKind.RUN})
        statements = await self._needed(transaction, events, runs.values())
        muted = await _muted(transaction, reports_in(events, runs, statements))
        if others := muted - {event.subject for event in events}:
            runs |= await transaction.runs(others)
            statements = await self._needed(transaction, events, runs.values())
        self._facts.learn(statements)
        change = fold_batch(events, runs, self._facts, muted)
        change.left_out = left_out(change.runs, self._sampling.rules)
        await transaction.apply(change)

    async def _needed(
        self, transaction: IngestTransaction, events: Iterable[Event], runs: Iterable[RunMerge]
    ) -> dict[int, Statement]:
        """The statements that these events and runs refer to."""
        needed = {event.statement.id: event.statement for event in events}
        asked = {contribution.statement for run in runs for contribution in run.contributions} - needed.keys()
        needed.update((key, self._statements[key]) for key in asked if key in self._statements)
        if missing := asked - needed.keys():
            needed.update(await transaction.statements(missing))
        self._remember(needed)
        return needed

    def _remember(self, statements: Mapping[int, Statement]) -> None:
        for key, statement in statements.items():
            self._statements[key] = statement
            self._statements.move_to_end(key)
        while len(self._statements) > REMEMBERED:
            self._statements.popitem(last=False)


async def _muted(transaction: IngestTransaction, reports: Reports) -> set[uuid.UUID]:
    """The runs of which what was declared does not count from now on, once reports and all that follows are added."""
    muted: set[uuid.UUID] = set()
    while reports:
        grown = await transaction.add_reports(reports)
        muted |= {run for run, report in grown.items() if report.is_muted}
        reports = told_to_ancestors(grown)
    return muted
