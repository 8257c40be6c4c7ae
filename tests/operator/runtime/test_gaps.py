"""What was dropped for want of room is marked at the server."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from headwater.spool import Gap, Item, Limits, Spool, SpoolFile
from headwater.v1 import event_pb2 as pb
from headwater_operator.gaps import JOB, gap_event

from .cluster import EPOCH
from .conftest import Start, Told

SINCE = round(EPOCH.timestamp() * 1000)


async def test_the_server_is_told_of_a_gap_that_an_operator_left(start: Start, told: Told, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    file = SpoolFile(tmp_path / "spool" / "events.spool", Limits(max_bytes=400))
    async with Spool(file, block_seconds=0) as spool:
        event = pb.Event(open_lineage=b"{}").SerializeToString()
        for _ in range(5):
            await spool.put([Item(event, run=str(uuid4()), droppable=True)])
        dropped = spool.figures.dropped
        await spool.settle(await spool.peek(100, 10**6), {})
    async with start():
        run = await told.run(JOB, "FAILED", namespace="k8s://c1")
    assert dropped
    assert run.error.message.startswith(f"{dropped} events of pipelines that are not PRODUCTION were dropped between ")


def test_a_gap_that_is_told_again_is_the_same() -> None:
    gap = Gap(7, 3, SINCE, SINCE + 60_000)
    again = Gap(8, 3, SINCE, SINCE + 60_000)
    assert gap_event(gap, "c1") == gap_event(again, "c1")
    assert gap_event(gap, "c1").run_event.run.run_id != gap_event(gap, "c2").run_event.run.run_id
