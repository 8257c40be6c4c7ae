"""What the ingestion workloads share: events prepared for a task, and a fixed number of requests kept under way."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from bench.measure import IngestClock, Task
from bench.sizes import SIZES
from bench.traces import make_events

Request = TypeVar("Request")


def prepare_events(task: Task, *, per_second: int, per_request: int = 1) -> list[list[bytes]]:
    """Events enough for the task's seconds at that rate, a list for each request, all up to now in event time."""
    size = SIZES[task.size]
    requests = max(1, round(size.seconds * per_second / per_request / 2)) * 2
    events = make_events(size.estate, requests * per_request, name=task.trace_name, end=dt.datetime.now(dt.UTC))
    return [events[start : start + per_request] for start in range(0, len(events), per_request)]


def start_clock(task: Task) -> IngestClock:
    """A clock for the task, running. What was prepared is kept from the garbage collector: it costs no pauses."""
    gc.collect()
    gc.freeze()
    size = SIZES[task.size]
    return IngestClock(seconds=size.seconds, warmup_seconds=size.warmup_seconds)


async def send_all(
    requests: Iterable[Request],
    send: Callable[[Request], Awaitable[int]],
    *,
    clock: IngestClock,
    in_flight: int,
) -> None:
    """Keeps so many requests under way until the clock is over or all are sent.

    `send` returns how many events were acknowledged.
    """
    remaining = iter(requests)

    async def send_next() -> None:
        for request in remaining:
            sent = time.perf_counter()
            clock.acknowledge(await send(request), sent)
            if clock.is_over():
                break

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(send_next())
