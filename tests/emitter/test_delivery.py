"""What the emitter takes arrives at the real server, once, whatever the server does meanwhile."""

from __future__ import annotations

from tests.conftest import RunningServer

from .emitters import EmitterProcess
from .events import an_event, runs_at


async def test_an_event_that_was_taken_arrives(emitter: EmitterProcess, server: RunningServer) -> None:
    event = an_event()
    answer = await emitter.post(event)
    assert answer.status_code == 201
    await emitter.until(lambda found: found["delivered"] == 1)
    assert await runs_at(server.grpc_address) == [event["run"]["runId"]]
