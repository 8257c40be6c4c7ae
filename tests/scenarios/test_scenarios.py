"""Every scenario file holds, whatever the order in which its events arrive."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from headwater.v1 import event_pb2 as events
from headwater.v1 import ingest_service_pb2 as ingest
from headwater.v1 import ingest_service_pb2_grpc as stubs

from .questions import Asker, know_runs
from .story import event_of

FILES = sorted(Path(__file__).parent.glob("*.yaml"))


def shuffled(bodies: list[bytes]) -> list[bytes]:
    """The events in another order, some of them twice."""
    chance = random.Random(len(bodies))
    mixed = bodies + chance.sample(bodies, k=len(bodies) // 2)
    chance.shuffle(mixed)
    return mixed


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(list, id="in order"),
        pytest.param(lambda bodies: bodies[::-1], id="backwards"),
        pytest.param(shuffled, id="shuffled and repeated"),
    ],
)
@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in FILES])
async def test_scenario_holds(server: Any, file: Path, arrange: Callable[[list[bytes]], list[bytes]]) -> None:
    scenario = yaml.safe_load(file.read_text())
    know_runs({said["run"] for said in scenario["events"] if "run" in said})
    async with grpc.aio.insecure_channel(server.grpc_address) as channel:
        asker = Asker(channel)
        for body in arrange([event_of(said) for said in scenario["events"]]):
            await _send(channel, body)
        for call in scenario.get("calls", ()):
            (action,) = call.keys() & {"delete", "undelete"}
            await getattr(asker, action)(call[action], call["at"])
        for question in scenario["then"]:
            assert await asker.ask(question) == question["is"], question


async def _send(channel: grpc.aio.Channel, body: bytes) -> None:
    stub: Any = stubs.IngestServiceStub(channel)
    await stub.WriteEvent(ingest.WriteEventRequest(event=events.Event(open_lineage=body)))
