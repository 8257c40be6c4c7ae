"""Seeded traces: the OpenLineage events of an estate's runs, ready as bytes before the clock of a measurement starts.

Runs start one after another, round and round through the jobs in a shuffled order, and complete some runs later. Now
and then a dataset's schema changes. Two traces with different names share jobs and datasets and no run.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import deque
from collections.abc import Iterator
from functools import lru_cache

from bench.estate import Estate
from bench.facets import Template, render_template

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
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
    start = end - EVENT_SPACING * (count - 1)
    return list(iterate_events(estate, count, name=name, start=start, spacing=EVENT_SPACING))


def iterate_events(
    estate: Estate, count: int, *, name: str, start: dt.datetime, spacing: dt.timedelta
) -> Iterator[bytes]:
    """The same events one by one, from a time on and with that much time between two: whole microseconds."""
    if count % 2:
        raise ValueError("A trace has an even number of events.")
    trace = _Trace(estate, name)
    step = spacing // dt.timedelta(microseconds=1)
    first = (start - EPOCH) // dt.timedelta(microseconds=1)
    started = completed = 0
    for micros in range(first, first + count * step, step):
        if started < count // 2 and started - completed < OPEN_RUNS:
            yield trace.start_run(micros)
            started += 1
        else:
            yield trace.complete_run(micros)
            completed += 1


def make_run_id(rng: random.Random, micros: int) -> bytes:
    """A UUIDv7 of the time in microseconds since 1970, its random bits drawn from the generator."""
    millis, bits = micros // 1_000, rng.getrandbits(74)
    return b"%08x-%04x-7%03x-%04x-%012x" % (
        *(millis >> 16, millis & 0xFFFF),
        *(bits >> 62, 0x8000 | bits >> 48 & 0x3FFF, bits & 0xFFFFFFFFFFFF),
    )


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
        self._templates: dict[int, tuple[Template, Template]] = {}
        self._parents: dict[str, tuple[bytes, int]] = {}
        self._open: deque[tuple[int, dict[str, bytes]]] = deque()
        self._started = 0

    def start_run(self, micros: int) -> bytes:
        """The START of the next run."""
        number = self._started % len(self._jobs)
        self._started += 1
        if self._rng.random() < 1 / SCHEMA_CHANGE_RUNS:
            self._change_schema(self._jobs[number].outputs[0])
        gaps = {
            "event_time": _format_time(micros),
            "run_id": make_run_id(self._rng, micros),
            "parent_id": self._find_parent(self._jobs[number].domain, micros),
            "nominal_time": _format_hour(micros // 3_600_000_000),
        }
        self._open.append((number, gaps))
        return self._find_templates(number)[0].fill(gaps)

    def complete_run(self, micros: int) -> bytes:
        """The COMPLETE of the run that is open for longest."""
        number, gaps = self._open.popleft()
        rows = 1_000 + int(self._rng.random() * 9_999_000)
        gaps["event_time"] = _format_time(micros)
        gaps["rows"] = str(rows).encode()
        gaps["size"] = str(rows * 87).encode()
        return self._find_templates(number)[1].fill(gaps)

    def _find_templates(self, number: int) -> tuple[Template, Template]:
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

    def _find_parent(self, domain: str, micros: int) -> bytes:
        parent, children = self._parents.get(domain, (b"", PARENT_RUNS))
        if children >= PARENT_RUNS:
            parent, children = make_run_id(self._rng, micros), 0
        self._parents[domain] = (parent, children + 1)
        return parent


def _format_time(micros: int) -> bytes:
    return b"%b.%06d+00:00" % (_format_second(micros // 1_000_000), micros % 1_000_000)


@lru_cache(maxsize=2)
def _format_second(second: int) -> bytes:
    return (EPOCH + dt.timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S").encode()


@lru_cache(maxsize=2)
def _format_hour(hour: int) -> bytes:
    return _format_time(hour * 3_600_000_000)
