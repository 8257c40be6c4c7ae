"""Writes a batch of events in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..domain.batch import Facts, fold_batch
from ..domain.event import Event
from ..domain.ingest_ports import IngestStore, IngestTransaction
from ..domain.model import EventKind
from ..domain.pipeline_sampling import left_out
from ..domain.remembered import Remembered
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
    """Writes batches of events, several at a time."""

    def __init__(self, store: IngestStore, sampling: Sampling) -> None:
        self._store = store
        self._sampling = sampling
        self._facts = Facts()
        self._statements: Remembered[Statement] = Remembered(REMEMBERED)

    async def write(self, events: Sequence[tuple[Event, str]], received: datetime) -> Written:
        """Commits events, all different, each with who sent it. Raises Conflict, StoreUnavailable or IdCollision."""
        async with self._store.transaction() as transaction:
            taken = [event for event, _ in events]
            statements = {event.statement.id: event.statement for event in taken}
            references = {each for event in taken for each in (event.parent, event.root) if each}
            await transaction.add_names(statements.values(), references)
            new = await transaction.archive(events, received)
            if new:
                await transaction.lock_jobs({job.id for statement in statements.values() if (job := statement.job)})
                await self._apply(transaction, [event for event in taken if event.identity in new])
            return Written(new, await transaction.position())

    async def _apply(self, transaction: IngestTransaction, events: Sequence[Event]) -> None:
        subjects = {event.subject for event in events if event.kind is EventKind.RUN}
        runs = await transaction.runs(subjects)
        statements = {event.statement.id: event.statement for event in events}
        await self._add_told(transaction, runs.values(), statements)
        muted = await _muted(transaction, reports_in(events, runs, statements))
        if others := muted - subjects:
            runs |= await transaction.runs(others)
            await self._add_told(transaction, runs.values(), statements)
        self._facts.learn(statements)
        change = fold_batch(events, runs, self._facts, muted)
        change.left_out = left_out(change.runs, self._sampling.rules)
        await transaction.apply(change)

    async def _add_told(
        self, transaction: IngestTransaction, runs: Iterable[RunMerge], statements: dict[int, Statement]
    ) -> None:
        """Adds the statements that runs were told by before."""
        asked = {told.statement for run in runs for told in run.contributions} - statements.keys()
        missing = []
        for key in asked:
            known = self._statements.get(key)
            if known is None:
                missing.append(key)
            else:
                statements[key] = known
        if missing:
            statements.update(await transaction.statements(missing))
        for key, statement in statements.items():
            self._statements.put(key, statement)


async def _muted(transaction: IngestTransaction, reports: Reports) -> set[uuid.UUID]:
    """The runs of which what was declared does not count from now on, once reports and all that follows are added."""
    muted: set[uuid.UUID] = set()
    while reports:
        grown = await transaction.add_reports(reports)
        muted |= {run for run, report in grown.items() if report.is_muted}
        reports = told_to_ancestors(grown)
    return muted
