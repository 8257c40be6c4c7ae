"""kill -9 of the emitter under load, again and again: nothing acknowledged is missing, and nothing is there twice."""

from __future__ import annotations

import asyncio
import os
import random

import grpc
import httpx
import pytest
from tests.conftest import RunningServer

from headwater import Client, HeadwaterError, Settings

from .conftest import MakeEmitter
from .emitters import EmitterProcess, running
from .events import an_event, runs_at

KILLS = int(os.environ.get("HEADWATER_TORTURE_EMITTER_KILLS", "5"))
BATCH = 10


class Load:
    """Senders that never stop, and remember what was sent and what was acknowledged."""

    def __init__(self, emitter: EmitterProcess) -> None:
        self._emitter = emitter
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()

    async def send_over_http(self) -> None:
        """Sends batches, for ever; what fails is sent again, as clients do."""
        while True:
            events = [an_event() for _ in range(BATCH)]
            names = {event["run"]["runId"] for event in events}
            self.sent |= names
            try:
                if (await self._emitter.post(events, "/batch")).status_code == 204:
                    self.acknowledged |= names
            except httpx.HTTPError:
                await asyncio.sleep(0.02)

    async def send_over_grpc(self) -> None:
        """Sends batches, for ever."""
        while True:
            events = [an_event() for _ in range(BATCH)]
            names = {event["run"]["runId"] for event in events}
            self.sent |= names
            try:
                async with Client(settings=Settings(address=self._emitter.grpc, max_attempts=1)) as client:
                    await client.batch_write_events(events, timeout_seconds=10)
                self.acknowledged |= names
            except (HeadwaterError, grpc.aio.AioRpcError):
                await asyncio.sleep(0.02)


@pytest.mark.timeout(120 + 20 * KILLS)
async def test_nothing_acknowledged_is_missing_and_nothing_is_doubled(
    server: RunningServer, make_emitter: MakeEmitter
) -> None:
    emitter = make_emitter(server.grpc_address)
    await emitter.start()
    load = Load(emitter)
    senders = [asyncio.create_task(send()) for send in (load.send_over_http, load.send_over_grpc)]
    for _ in range(KILLS):
        goal = len(load.acknowledged) + random.randint(1, 10) * BATCH
        async with asyncio.timeout(60):
            while len(load.acknowledged) < goal:
                await asyncio.sleep(random.uniform(0, 0.02))  # the moment of the blow is left to chance
        await emitter.kill()
        await emitter.start()
    for sender in senders:
        sender.cancel()
    await asyncio.gather(*senders, return_exceptions=True)
    await emitter.kill()
    async with running(emitter):
        found = await emitter.until(lambda found: not found["waiting"], 120)
    arrived = await runs_at(server.grpc_address)
    print(f"{KILLS} kills, {len(load.acknowledged)} of {len(load.sent)} acknowledged, {len(arrived)} arrived")  # noqa: T201 (the count is what one wants to know)
    assert load.acknowledged - set(arrived) == set()
    assert len(arrived) == len(set(arrived))
    assert set(arrived) <= load.sent
    assert (found["corrupted"], found["dead_letters"]) == (0, 0)
