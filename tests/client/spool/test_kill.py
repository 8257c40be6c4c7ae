"""A program is killed again and again while it puts and delivers: nothing that the spool took is lost."""

import os
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from tests.client.fakes import FakeServer

from headwater import Client, Settings
from headwater.spool import Delivery, Spool, SpoolFile

from .examples import texts

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("HEADWATER_TORTURE_SPOOL_KILLS", "10"))


def put_until_killed(path: Path, address: str, name: str, after: int) -> list[str]:
    """Starts the program, and kills it once it has written so many lines; gives all that it wrote."""
    command = [sys.executable, "-m", "tests.client.spool.putting", str(path), address, name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in range(after)]
        program.kill()
        lines += program.stdout.readlines()
    return [line.strip() for line in lines if line.endswith("\n")]


@pytest.mark.timeout(120 + 10 * KILLS)
async def test_nothing_is_lost_and_order_holds_however_often_the_program_is_killed(
    tmp_path: Path, server: FakeServer
) -> None:
    path, taken = tmp_path / "operator.spool", list[str]()
    for kill in range(KILLS):
        taken += put_until_killed(path, server.address, str(kill), random.randint(1, 350))
    delivered_before = len(server.events)
    async with Spool(SpoolFile(path)) as spool, Client(settings=Settings(address=server.address)) as client:
        assert spool.figures.corrupted == 0
        async with Delivery(spool, client) as delivery:
            assert await delivery.drain(60 + 2 * KILLS) == 0
    arrived = texts(server.events)
    print(f"{KILLS} kills, {len(taken)} events taken, {delivered_before} of {len(arrived)} delivered before the end")  # noqa: T201 (the count is what one wants to know)
    assert set(taken) - set(arrived) == set()
    runs = defaultdict(list)
    for name in arrived:
        run, _, number = name.partition("/")
        runs[run].append(int(number))
    assert all(numbers == list(range(len(numbers))) for numbers in runs.values())
