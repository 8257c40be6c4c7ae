"""Ingestion through gRPC: single events, batches, a bidirectional stream. Requests are made before the clock starts."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence

import grpc.aio

from bench.field_graphs import make_field_events
from bench.graphs import make_job_events
from bench.measure import IngestClock, Measure, Task, WorkloadError
from bench.sending import prepare_events, send_all, start_clock
from bench.sizes import SIZES
from bench.traces import make_events
from headwater.v1 import event_pb2
from headwater.v1 import ingest_service_pb2 as contract

SERVICE = "/headwater.v1.IngestService"
ACCEPTED, REPEATED = event_pb2.EventResult.OUTCOME_ACCEPTED, event_pb2.EventResult.OUTCOME_DUPLICATE
TIMEOUT_SECONDS = 60
LOAD_BATCH = 1_000
"""Events in a request of the loads that come before all measurements."""
FIELD_LOAD_BATCH = 200
"""The same where an event has the lineage of 20 fields."""


async def load_estate(task: Task) -> Measure:
    """Two runs of every job, so that no later workload meets a job or a dataset for the first time."""
    estate = SIZES[task.size].estate
    events = make_events(estate, 4 * len(estate.jobs), name=task.trace_name, end=dt.datetime.now(dt.UTC))
    return await _load(task, events)


async def load_graph(task: Task) -> Measure:
    """The graph that lineage workloads ask about."""
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    return await _load(task, list(make_job_events(SIZES[task.size].make_graph(), start=start)))


async def load_fields(task: Task) -> Measure:
    """The graph that field-level workloads ask about, a part after another, for it may be large."""
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    events = make_field_events(range(SIZES[task.size].field_components), start=start)
    requests = (make_batch(bodies) for bodies in iter(lambda: list(itertools.islice(events, FIELD_LOAD_BATCH)), []))
    return await _send_load(task, requests)


async def measure_unary(task: Task, *, in_flight: int, per_second: int) -> Measure:
    """One event a call."""
    requests = [
        contract.WriteEventRequest(event=_wrap(body)).SerializeToString()
        for (body,) in prepare_events(task, per_second=per_second)
    ]
    async with grpc.aio.insecure_channel(task.grpc_address) as channel:
        write: grpc.aio.UnaryUnaryMultiCallable[bytes, contract.WriteEventResponse] = channel.unary_unary(
            f"{SERVICE}/WriteEvent", response_deserializer=contract.WriteEventResponse.FromString
        )

        async def send(request: bytes) -> int:
            response = await write(request, timeout=TIMEOUT_SECONDS)
            return _count_accepted([response.result])

        clock = start_clock(task)
        await send_all(requests, send, clock=clock, in_flight=in_flight)
    return clock.read(in_flight=in_flight)


async def measure_batches(task: Task, *, batch: int, in_flight: int, per_second: int, connections: int = 1) -> Measure:
    """So many events a call; calls take turns among the connections."""
    requests = list(map(make_batch, prepare_events(task, per_second=per_second, per_request=batch)))
    async with contextlib.AsyncExitStack() as stack:
        own = [("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.aio.insecure_channel(task.grpc_address, options=own) for _ in range(connections)]
        senders = [make_batch_sender(await stack.enter_async_context(channel)) for channel in channels]
        turns = itertools.cycle(senders)

        async def send(request: bytes) -> int:
            return await next(turns)(request)

        clock = start_clock(task)
        await send_all(requests, send, clock=clock, in_flight=in_flight)
    return clock.read(in_flight=in_flight, **{"from": clock.warm, "until": time.perf_counter()})


async def measure_stream(task: Task, *, per_message: int, window: int, per_second: int) -> Measure:
    """So many events a message of one stream, with at most `window` events that are not acknowledged."""
    messages = [
        _make_message(number * per_message, bodies)
        for number, bodies in enumerate(prepare_events(task, per_second=per_second, per_request=per_message))
    ]
    async with grpc.aio.insecure_channel(task.grpc_address) as channel:
        open_stream: grpc.aio.StreamStreamMultiCallable[bytes, contract.StreamEventsResponse] = channel.stream_stream(
            f"{SERVICE}/StreamEvents", response_deserializer=contract.StreamEventsResponse.FromString
        )
        call = open_stream(timeout=TIMEOUT_SECONDS + SIZES[task.size].seconds)
        room = asyncio.Semaphore(window // per_message)
        sent: list[float] = []
        open_events: dict[int, int] = {}
        clock = start_clock(task)

        async def write() -> None:
            for number, message in enumerate(messages):
                await room.acquire()
                if clock.is_over():
                    break
                open_events[number] = per_message
                sent.append(time.perf_counter())
                await call.write(message)
            await call.done_writing()

        async def read() -> None:
            response: contract.StreamEventsResponse
            async for response in call:
                _count_accepted([answer.result for answer in response.results])
                for answer in response.results:
                    number = answer.id // per_message
                    open_events[number] -= 1
                    if not open_events[number]:
                        del open_events[number]
                        clock.acknowledge(per_message, sent[number])
                        room.release()

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            group.create_task(read())
    if open_events:
        raise WorkloadError(f"The stream ended with {sum(open_events.values())} events not answered.")
    return clock.read(window=window)


async def _load(task: Task, events: Sequence[bytes]) -> Measure:
    return await _send_load(
        task, [make_batch(events[start : start + LOAD_BATCH]) for start in range(0, len(events), LOAD_BATCH)]
    )


async def _send_load(task: Task, requests: Iterable[bytes]) -> Measure:
    async with grpc.aio.insecure_channel(task.grpc_address) as channel:
        clock = IngestClock(seconds=math.inf, warmup_seconds=0)
        await send_all(requests, make_batch_sender(channel), clock=clock, in_flight=4)
    return clock.read()


def make_batch_sender(
    channel: grpc.aio.Channel, outcomes: Container[int] = (ACCEPTED,), *, timeout: float = TIMEOUT_SECONDS
) -> Callable[[bytes], Awaitable[int]]:
    """What sends the bytes of a BatchWriteEventsRequest and returns how many events have one of these outcomes: all."""
    write: grpc.aio.UnaryUnaryMultiCallable[bytes, contract.BatchWriteEventsResponse] = channel.unary_unary(
        f"{SERVICE}/BatchWriteEvents", response_deserializer=contract.BatchWriteEventsResponse.FromString
    )

    async def send(request: bytes) -> int:
        response = await write(request, timeout=timeout)
        return _count_accepted(response.results, outcomes)

    return send


def _wrap(body: bytes) -> event_pb2.Event:
    return event_pb2.Event(open_lineage=body)


def make_batch(bodies: Iterable[bytes]) -> bytes:
    """The bytes of a BatchWriteEventsRequest."""
    return contract.BatchWriteEventsRequest(events=map(_wrap, bodies)).SerializeToString()


def _make_message(first_id: int, bodies: Iterable[bytes]) -> bytes:
    events = [contract.StreamedEvent(id=first_id + place, event=_wrap(body)) for place, body in enumerate(bodies)]
    return contract.StreamEventsRequest(events=events).SerializeToString()


def _count_accepted(results: Sequence[event_pb2.EventResult], outcomes: Container[int] = (ACCEPTED,)) -> int:
    """How many events were answered; raises where one of them has another outcome."""
    for result in results:
        if result.outcome not in outcomes:
            raise WorkloadError(f"An event was not accepted: {result}")
    return len(results)
