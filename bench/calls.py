"""What gRPC alone costs on a machine: calls of the server's health check, which do nothing."""

from __future__ import annotations

import itertools
import time

import grpc.aio
from grpc_health.v1 import health_pb2

from bench.asking import measure_questions
from bench.measure import Measure, Task
from bench.sending import send_all, start_clock

METHOD = "/grpc.health.v1.Health/Check"
COUNT = 2_000


async def measure_call(task: Task) -> Measure:
    """One call at a time."""
    async with grpc.aio.insecure_channel(task.grpc_address) as channel:
        check = _checker(channel)

        async def ask(request: bytes) -> float:
            await check(request)
            return time.perf_counter()

        return await measure_questions([b""], COUNT, ask)


async def measure_calls(task: Task, *, in_flight: int) -> Measure:
    """So many calls under way; each counts as an event."""
    async with grpc.aio.insecure_channel(task.grpc_address) as channel:
        check = _checker(channel)

        async def send(request: bytes) -> int:
            await check(request)
            return 1

        clock = start_clock(task)
        await send_all(itertools.repeat(b""), send, clock=clock, in_flight=in_flight)
    return clock.read(in_flight=in_flight)


def _checker(channel: grpc.aio.Channel) -> grpc.aio.UnaryUnaryMultiCallable[bytes, health_pb2.HealthCheckResponse]:
    return channel.unary_unary(METHOD, response_deserializer=health_pb2.HealthCheckResponse.FromString)
