"""Fills a store through its server's gRPC door: `python bench/load.py ADDRESS --events N --state FILE`.

The events are those of `history.py`, in batches, over several connections. FILE keeps how far the load has come:
started again, it goes on there. What was under way when it was stopped is sent again, which the server knows. It
prints how far it is on standard error, and at the end, as JSON, what it sent and what that cost this process.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import gc
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # as `python -m bench.load` has it

import grpc.aio

from bench.history import CHUNK_EVENTS, find_start, iterate_chunk
from bench.ingest_grpc import ACCEPTED, REPEATED, make_batch_sender
from bench.measure import WorkloadError

BATCH = 1_000
TELL_SECONDS = 10
TIMEOUT_SECONDS = 600
"""For one batch: a slow server is waited for."""


@dataclass(slots=True)
class Progress:
    """How far a load has come, as its file keeps it."""

    path: Path
    start: dt.datetime
    """When the history begins; decided by the first start."""
    chunks: int = 0
    """How many chunks, from the first on, were acknowledged whole."""
    _open: dict[int, int] = field(default_factory=dict)
    """By chunk, in order: events that are not acknowledged."""

    @classmethod
    def read(cls, path: Path) -> Progress:
        """What the file says, or the beginning where there is none."""
        if not path.exists():
            return cls(path, find_start(dt.datetime.now(dt.UTC)))
        kept = json.loads(path.read_text())
        return cls(path, dt.datetime.fromisoformat(kept["start"]), kept["chunks"])

    def begin(self, chunk: int) -> None:
        """Notes that the events of the chunk will be acknowledged next."""
        self._open[chunk] = CHUNK_EVENTS

    def acknowledge(self, chunk: int, events: int) -> None:
        """Notes acknowledgements, and keeps them once they make chunks whole without a gap before them."""
        self._open[chunk] -= events
        before = self.chunks
        while self._open.get(self.chunks) == 0:
            del self._open[self.chunks]
            self.chunks += 1
        if self.chunks > before:
            self.keep()

    def keep(self) -> None:
        """Writes the file, which is whole at any moment."""
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"start": self.start.isoformat(), "chunks": self.chunks}))
        new.replace(self.path)


async def load(progress: Progress, address: str, chunks: int, *, connections: int, in_flight: int) -> dict[str, float]:
    """Sends what is missing up to so many chunks; returns what it sent and how long it took."""
    batches = _iterate_batches(progress, chunks)
    meter = _Meter(total=max(0, chunks - progress.chunks) * CHUNK_EVENTS)

    async def send_over_one() -> None:
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1))
        async with grpc.aio.insecure_channel(address, options) as channel:
            send = make_batch_sender(channel, (ACCEPTED, REPEATED), timeout=TIMEOUT_SECONDS)

            async def send_next() -> None:
                for chunk, request in batches:
                    progress.acknowledge(chunk, await send(request))
                    meter.count(BATCH)

            async with asyncio.TaskGroup() as group:
                for _ in range(max(1, in_flight // connections)):
                    group.create_task(send_next())

    progress.keep()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(send_over_one())
    return meter.read()


def _iterate_batches(progress: Progress, chunks: int) -> Iterator[tuple[int, bytes]]:
    for chunk in range(progress.chunks, chunks):
        progress.begin(chunk)
        events = iterate_chunk(chunk, progress.start)
        while bodies := list(itertools.islice(events, BATCH)):
            yield chunk, frame_batch(bodies)


def frame_batch(bodies: list[bytes]) -> bytes:
    """The bytes of a BatchWriteEventsRequest with these texts, without an object an event."""
    parts = []
    for body in bodies:
        size = _varint(len(body))
        parts += (b"\x0a", _varint(1 + len(size) + len(body)), b"\x0a", size, body)
    return b"".join(parts)


def _varint(number: int) -> bytes:
    if number < 1 << 14:
        return bytes((number,)) if number < 1 << 7 else bytes((number & 0x7F | 0x80, number >> 7))
    return bytes((number & 0x7F | 0x80,)) + _varint(number >> 7)


class _Meter:
    """Tells how fast the load is and what it costs."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._events = 0
        self._start = self._told = time.perf_counter()
        self._processor_start = time.process_time()
        self._told_events = 0

    def count(self, events: int) -> None:
        self._events += events
        now = time.perf_counter()
        if now - self._told >= TELL_SECONDS:
            rate = (self._events - self._told_events) / (now - self._told)
            left = dt.timedelta(seconds=round((self._total - self._events) / rate))
            own = (time.process_time() - self._processor_start) * 1e6 / self._events
            sys.stderr.write(
                f"loaded {self._events:,} of {self._total:,} events, {rate:,.0f}/s, {left} left; the load itself needs "
                f"{own:.1f} us an event\n"
            )
            self._told, self._told_events = now, self._events

    def read(self) -> dict[str, float]:
        seconds = time.perf_counter() - self._start
        own = (time.process_time() - self._processor_start) * 1e6 / max(1, self._events)
        return {"events": self._events, "seconds": seconds, "load_microseconds": own}


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="bench/load.py", description=__doc__)
    parser.add_argument("address", help="host:port of the server's gRPC")
    parser.add_argument("--events", type=int, required=True, help=f"rounded up to {CHUNK_EVENTS:,}")
    parser.add_argument("--state", type=Path, required=True, help="the file that keeps how far the load has come")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=8, help="batches that are not acknowledged: %(default)s")
    options = parser.parse_args()
    gc.freeze()
    chunks = -(-options.events // CHUNK_EVENTS)
    progress = Progress.read(options.state)
    loading = load(progress, options.address, chunks, connections=options.connections, in_flight=options.in_flight)
    try:
        json.dump(asyncio.run(loading), sys.stdout)
    except (WorkloadError, grpc.aio.AioRpcError, ExceptionGroup) as error:
        sys.stderr.write(f"The load stopped; started again, it goes on. {_explain(error)}\n")
        return 1
    return 0


def _explain(error: BaseException) -> str:
    """What the first of the requests under way that failed says."""
    if isinstance(error, BaseExceptionGroup):
        return _explain(error.exceptions[0])
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.aio.AioRpcError) else str(error)


if __name__ == "__main__":
    sys.exit(main())
