"""Measures a spool on this machine's disk and prints what it finds: `python -m tests.client.spool.speed [FOLDER]`."""
# ruff: noqa: T201

import asyncio
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headwater.spool import Item, Spool, SpoolFile

EVENTS = 20_000
EVENT = Item(os.urandom(1260), "run")


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Prints how fast the events of the block went."""
    began, worked = time.perf_counter(), time.process_time()
    yield
    seconds, work = time.perf_counter() - began, time.process_time() - worked
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:>36}  {EVENTS / seconds:8,.0f} events/s  {work / EVENTS * 1e6:3.0f} µs of CPU each"
        f"  {memory:4.0f} MiB at the most"
    )


async def put_one_at_a_time(spool: Spool, putters: int) -> None:
    """Has each putter wait for its event to be on disk before it puts the next one."""
    left = iter(range(EVENTS))

    async def put() -> None:
        for _ in left:
            await spool.put([EVENT])

    await asyncio.gather(*(put() for _ in range(putters)))


async def measure(folder: Path) -> None:
    """Runs the measurements, one after the other, on one spool."""
    async with Spool(SpoolFile(folder / "speed.spool")) as spool:
        for size in (100, 500):
            with measured(f"in, {size} a put"):
                for _ in range(EVENTS // size):
                    await spool.put([EVENT] * size)
        for putters in (100, 1000):
            with measured(f"in, 1 a put, {putters} putters"):
                await put_one_at_a_time(spool, putters)
        for _ in range(4):
            with measured("out, 1000 at a time"):
                for _ in range(EVENTS // 1000):
                    await spool.settle(await spool.peek(1000, 2**30), {})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as temporary:
        asyncio.run(measure(Path(temporary)))
