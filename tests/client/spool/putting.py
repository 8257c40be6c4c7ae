"""A program that puts events into a spool and delivers them until it is killed: PATH ADDRESS NAME.

It writes a line for each event that the spool has taken, and only then.
"""

import asyncio
import os
import sys
from pathlib import Path

from headwater import Client, Settings
from headwater.spool import Delivery, Spool, SpoolFile

from .examples import item

RUNS, EVENTS = 8, 50


async def main(path: Path, address: str, name: str) -> None:
    """Puts the events of several runs at once."""

    async def report(run: str) -> None:
        for number in range(EVENTS):
            await spool.put([item(f"{run}/{number}", run)])
            os.write(sys.stdout.fileno(), f"{run}/{number}\n".encode())

    settings = Settings(address=address, max_attempts=1)
    async with Spool(SpoolFile(path)) as spool, Client(settings=settings) as client, Delivery(spool, client):
        await asyncio.gather(*(report(f"{name}.{number}") for number in range(RUNS)))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
