"""Seeded traces: the OpenLineage events of an estate's runs, ready as bytes before the clock of a measurement starts.

Runs start one after another, round and round through the jobs in a shuffled order, and complete some runs later. Now
and then a dataset's schema changes. Two traces with different names share jobs and datasets and no run.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import deque

from bench.estate import Estate
from bench.facets import render_template

EVENT_SPACING = dt.timedelta(microseconds=20)
"""Event time between two events of a trace: as if they were sent at 50,000 a second."""
OPEN_RUNS = 50
"""How many runs are started and not completed at any time."""
SCHEMA_CHANGE_RUNS = 200
"""How many runs there are to one change of a schema, on average."""
PARENT_RUNS = 20
"""How many runs of a domain share a parent run."""


def make_events(estate: Estate, count: int, *, name: str, end: dt.datetime) -> list[bytes]:
    """The JSON texts of so many events in the order of their event times, the last of which is `end`.

    The name is the trace's seed. The count is even: each run has a START and a COMPLETE.
    """
    if count % 2:
        raise ValueError("A trace has an even number of events.")
    trace = _Trace(estate, name)
    start = end - EVENT_SPACING * (count - 1)
    times = [start + EVENT_SPACING * number for number in range(count)]
    events: list[bytes] = []
    started = completed = 0
    for time in times:
        if started < count // 2 and started - completed < OPEN_RUNS:
            events.append(trace.start_run(time))
            started += 1
        else:
            events.append(trace.complete_run(time))
            completed += 1
    return events


def make_run_id(rng: random.Random, time: dt.datetime) -> bytes:
    """A UUIDv7 of the time, its random bits drawn from the generator."""
    milliseconds = int(time.timestamp() * 1000)
    low = rng.getrandbits(74)
    bits = milliseconds << 80 | 0x7 << 76 | (low >> 62) << 64 | 0x2 << 62 | low & 0x3FFFFFFFFFFFFFFF
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".encode()


class _Trace:
    """Runs in progress, and the state of every dataset's schema."""

    def __init__(self, estate: Estate, name: str) -> None:
        self._rng = random.Random(f"trace/{name}")
        self._jobs = list(estate.jobs)
        self._rng.shuffle(self._jobs)
        self._datasets = list(estate.datasets)
        self._users: dict[int, list[int]] = {}
        for number, job in enumerate(self._jobs):
            for dataset in (*job.inputs, *job.outputs):
                self._users.setdefault(dataset, []).append(number)
        self._templates: dict[int, tuple[bytes, bytes]] = {}
        self._parents: dict[str, tuple[bytes, int]] = {}
        self._open: deque[tuple[int, dict[bytes, bytes]]] = deque()
        self._started = 0

    def start_run(self, time: dt.datetime) -> bytes:
        """The START of the next run."""
        number = self._started % len(self._jobs)
        self._started += 1
        if self._rng.random() < 1 / SCHEMA_CHANGE_RUNS:
            self._change_schema(self._jobs[number].outputs[0])
        hour = time.replace(minute=0, second=0, microsecond=0)
        gaps = {
            b"event_time": _format_time(time),
            b"run_id": make_run_id(self._rng, time),
            b"parent_id": self._find_parent(self._jobs[number].domain, time),
            b"nominal_time": _format_time(hour),
        }
        self._open.append((number, gaps))
        return self._find_templates(number)[0] % gaps

    def complete_run(self, time: dt.datetime) -> bytes:
        """The COMPLETE of the run that is open for longest."""
        number, gaps = self._open.popleft()
        rows = self._rng.randrange(1_000, 10_000_000)
        gaps[b"event_time"] = _format_time(time)
        gaps[b"rows"] = str(rows).encode()
        gaps[b"size"] = str(rows * 87).encode()
        return self._find_templates(number)[1] % gaps

    def _find_templates(self, number: int) -> tuple[bytes, bytes]:
        templates = self._templates.get(number)
        if templates is None:
            job = self._jobs[number]
            inputs = [self._datasets[dataset] for dataset in job.inputs]
            outputs = [self._datasets[dataset] for dataset in job.outputs]
            templates = (
                render_template(job, inputs, outputs, complete=False),
                render_template(job, inputs, outputs, complete=True),
            )
            self._templates[number] = templates
        return templates

    def _change_schema(self, dataset: int) -> None:
        self._datasets[dataset] = self._datasets[dataset].with_another_field()
        for user in self._users[dataset]:
            self._templates.pop(user, None)

    def _find_parent(self, domain: str, time: dt.datetime) -> bytes:
        parent, children = self._parents.get(domain, (b"", PARENT_RUNS))
        if children >= PARENT_RUNS:
            parent, children = make_run_id(self._rng, time), 0
        self._parents[domain] = (parent, children + 1)
        return parent


def _format_time(time: dt.datetime) -> bytes:
    return time.isoformat(timespec="microseconds").encode()
