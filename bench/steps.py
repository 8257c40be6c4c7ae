"""Processor time of what ingestion does in Python before and between its statements, step by step and without a store.

Run as `python bench/steps.py`. Each step is told by the least of its rounds, which other programs disturb the least.
"""

from __future__ import annotations

import datetime as dt
import gc
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # as `python -m bench.steps` has it

from bench.sizes import SIZES
from bench.traces import make_events
from headwater_server.domain.batch import Facts, fold_batch
from headwater_server.domain.body_templates import write_holes
from headwater_server.domain.event import Event
from headwater_server.domain.event_parser import EventParser
from headwater_server.domain.run_reports import reports_in
from headwater_server.storage.ingest.kept_runs import row_of

BATCH = 1_000
BATCHES = 6
ROUNDS = 8
MAX_EVENT_BYTES = 1 << 20

T = TypeVar("T")


class Steps:
    """The least time that each step took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, step: str, work: Callable[[], T]) -> T:
        """Does a step's work; returns what it makes."""
        started = time.process_time()
        made = work()
        took = time.process_time() - started
        self.seconds[step] = min(took, self.seconds.get(step, took))
        return made


def main() -> None:
    """Prints microseconds an event, by step."""
    estate, now = SIZES["small"].estate, dt.datetime.now(dt.UTC)
    bodies = make_events(estate, 2 * BATCHES * BATCH, name="steps", end=now)
    parser, facts = EventParser(max_event_bytes=MAX_EVENT_BYTES), Facts()
    batches = [bodies[start : start + BATCH] for start in range(0, len(bodies), BATCH)]
    for batch in batches[:BATCHES]:  # every job is met before anything is timed
        _do(Steps(), parser, facts, batch)
    gc.collect()
    gc.freeze()
    steps = Steps()
    for _ in range(ROUNDS):
        for batch in batches[BATCHES:]:
            _do(steps, parser, facts, batch)
    for step, seconds in steps.seconds.items():
        sys.stdout.write(f"{step:8}{seconds / BATCH * 1e6:6.1f} us\n")


def _do(steps: Steps, parser: EventParser, facts: Facts, bodies: Sequence[bytes]) -> None:
    now = dt.datetime.now(dt.UTC)
    events = steps.time("parse", lambda: [parser.parse(body, now) for body in bodies])
    statements = {event.statement.id: event.statement for event in events}
    steps.time("bodies", lambda: [_holes(event) for event in events])
    facts.learn(statements)
    steps.time("reports", lambda: reports_in(events, {}, statements))
    change = steps.time("fold", lambda: fold_batch(events, {}, facts))
    steps.time("rows", lambda: [row_of(run, None) for run in change.runs])


def _holes(event: Event) -> bytes | None:
    return write_holes(event.fitted.holes, event.subject, event.event_time) if event.fitted else None


if __name__ == "__main__":
    main()
