"""Baseline: COPY of compressed events into an archive, and nothing else.

This is how fast PostgreSQL takes events from one Python connection that neither reads them nor keeps anything but them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import uuid
from collections.abc import Iterable
from typing import TypeAlias

import asyncpg
import zstandard

from bench.measure import Measure, Task
from bench.sending import prepare_events, send_all, start_clock

DICTIONARY_BYTES = 64 << 10
TRAINING_EVENTS = 2_000
Row: TypeAlias = tuple[uuid.UUID, dt.datetime, uuid.UUID, bytes]


async def measure_copy(task: Task, *, batch: int, per_second: int) -> Measure:
    """A transaction for so many rows, one after another; rows are made and compressed before the clock starts."""
    requests = prepare_events(task, per_second=per_second, per_request=batch)
    compressor = _train_compressor(itertools.islice(itertools.chain.from_iterable(requests), TRAINING_EVENTS))
    batches = [[_make_row(body, compressor) for body in bodies] for bodies in requests]
    connection = await asyncpg.connect(task.dsn)
    try:

        async def copy(rows: list[Row]) -> int:
            await connection.copy_records_to_table("events", schema_name="archive", records=rows)
            return len(rows)

        clock = start_clock(task)
        await send_all(batches, copy, clock=clock, in_flight=1)
    finally:
        await connection.close()
    sizes = [len(row[-1]) for row in batches[0]]
    return clock.read(connections=1, body_bytes=sum(sizes) / len(sizes))


def _train_compressor(samples: Iterable[bytes]) -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=3, dict_data=zstandard.train_dictionary(DICTIONARY_BYTES, list(samples)))


def _make_row(body: bytes, compressor: zstandard.ZstdCompressor) -> Row:
    """The row of an event of a trace, its run and time cut out of the JSON text."""
    run_id, time = (_cut_out(body, key).decode() for key in (b"runId", b"eventTime"))
    identity = uuid.UUID(bytes=hashlib.blake2b(body, digest_size=16).digest())
    return uuid.UUID(run_id), dt.datetime.fromisoformat(time), identity, compressor.compress(body)


def _cut_out(body: bytes, key: bytes) -> bytes:
    """The text after the first such key."""
    start = body.index(b'"' + key + b'":"') + len(key) + 4
    return body[start : body.index(b'"', start)]
