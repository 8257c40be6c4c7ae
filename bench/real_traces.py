"""What real producers sent, again and again as runs of later days: how many bytes of disk their events take.

Reads the OpenLineage scenarios in `shared/data` beside the repository, or where HEADWATER_SHARED_DATA says.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import re
from pathlib import Path

import grpc.aio
import msgspec

from bench.ingest_grpc import make_batch, make_batch_sender
from bench.measure import IngestClock, Measure, Task, WorkloadError
from bench.sending import send_all
from bench.sizes import SIZES
from bench.traces import EPOCH, make_run_id

SHARED_DATA = Path(os.environ.get("HEADWATER_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")
EVENTS = sorted(SHARED_DATA.glob("openlineage/scenarios/*/events/*.json"))
BATCH = 100
SPACING = dt.timedelta(milliseconds=1)
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_EVENT_TIME = re.compile(rb'"eventTime": ?"[^"]*"')


async def measure_real(task: Task) -> Measure:
    """Each scenario over and over, with new ids of runs and new event times and else byte for byte."""
    if not EVENTS:
        raise WorkloadError(f"There are no events in {SHARED_DATA}; HEADWATER_SHARED_DATA names another folder.")
    bodies = _make_copies(task)
    requests = [make_batch(bodies[start : start + BATCH]) for start in range(0, len(bodies), BATCH)]
    async with grpc.aio.insecure_channel(task.grpc_address) as channel:
        clock = IngestClock(seconds=600, warmup_seconds=0)
        await send_all(requests, make_batch_sender(channel), clock=clock, in_flight=4)
    return clock.read(body_bytes=sum(map(len, bodies)) / len(bodies))


def _make_copies(task: Task) -> list[bytes]:
    rng = random.Random(task.trace_name)
    # Compact, as a producer sends it: the files are indented for people.
    texts = [msgspec.json.encode(msgspec.json.decode(file.read_bytes())) for file in EVENTS]
    copies = SIZES[task.size].real_copies
    time = dt.datetime.now(dt.UTC) - SPACING * copies * len(texts)
    bodies = []
    for _ in range(copies):
        ids: dict[bytes, bytes] = {}
        for text in texts:
            for found in _UUID.findall(text):
                if found not in ids:
                    ids[found] = make_run_id(rng, (time - EPOCH) // dt.timedelta(microseconds=1))
            changed = _UUID.sub(lambda match, ids=ids: ids[match[0]], text)
            stamp = f'"eventTime":"{time.isoformat(timespec="microseconds")}"'.encode()
            bodies.append(_EVENT_TIME.sub(stamp, changed, count=1))
            time += SPACING
    return bodies
