"""Lineage asked for while another process sends batches as fast as the server takes them."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import sys
import time
from pathlib import Path

import grpc.aio

from bench.lineage_grpc import UNLIMITED, make_asker
from bench.measure import Measure, Task, WorkloadError, find_percentile
from bench.sizes import SIZES

SENDER = "batch-1000"
"""The workload of the other process. It notes the time in which it sent."""


async def measure_get_while_ingesting(task: Task, *, node_count: int) -> Measure:
    """GetLineage, the answers that were asked for and given while events were sent and acknowledged."""
    times: list[tuple[float, float]] = []
    async with grpc.aio.insecure_channel(task.grpc_address, UNLIMITED) as channel:
        ask = make_asker(channel)
        sending = asyncio.create_task(_send_events(task))
        for component in itertools.cycle(SIZES[task.size].make_graph(node_count)):
            asked = time.perf_counter()
            await ask(component)
            times.append((asked, time.perf_counter()))
            if sending.done():
                break
        sent = await sending
    start, end = sent.notes["from"], sent.notes["until"]
    latencies = [(answered - asked) * 1000 for asked, answered in times if start <= asked and answered <= end]
    if not latencies:
        raise WorkloadError("No question was answered while events were sent.")
    return Measure(
        total=sent.total,
        count=len(latencies),
        seconds=end - start,
        p50=find_percentile(latencies, 0.5),
        p99=find_percentile(latencies, 0.99),
        notes={"ingested": sent.rate},
    )


async def _send_events(task: Task) -> Measure:
    """A worker that sends events of its own trace, as a process of its own."""
    worker = dataclasses.replace(task, workload=SENDER, trace=task.trace_name)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.worker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    try:
        output, _ = await process.communicate(json.dumps(dataclasses.asdict(worker)).encode())
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise WorkloadError("The process that sends events failed; see above.")
    return Measure(**json.loads(output))
