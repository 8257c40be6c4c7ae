"""Batches at a part of the rate that the server can take: how long an acknowledgement takes when it is not swamped."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import time

import grpc.aio

from bench.ingest_grpc import make_batch, make_batch_sender
from bench.measure import IngestClock, Measure, Task
from bench.sending import prepare_events, send_all, start_clock
from bench.sizes import SIZES


async def measure_paced(task: Task, *, batch: int, in_flight: int, share: float, per_second: int) -> Measure:
    """Finds the greatest rate with so many batches in flight, then sends at that share of it.

    Batches are sent when they are due, whatever is under way, and an acknowledgement is timed from then.
    """
    requests = iter(list(map(make_batch, prepare_events(task, per_second=2 * per_second, per_request=batch))))
    async with grpc.aio.insecure_channel(task.grpc_address) as channel:
        send = make_batch_sender(channel)
        clock = start_clock(task)
        await send_all(requests, send, clock=clock, in_flight=in_flight)
        saturated = clock.read()
        rate = share * saturated.rate
        size = SIZES[task.size]
        clock = IngestClock(seconds=size.seconds, warmup_seconds=size.warmup_seconds)
        start = time.perf_counter()

        async def send_due(request: bytes, due: float) -> None:
            clock.acknowledge(await send(request), due)

        async with asyncio.TaskGroup() as group:
            for number, request in zip(itertools.count(), requests):
                due = start + number * batch / rate
                await asyncio.sleep(due - time.perf_counter())
                if clock.is_over():
                    break
                group.create_task(send_due(request, due))
    measure = clock.read(saturation=saturated.rate)
    return dataclasses.replace(measure, total=measure.total + saturated.total)
