"""Clients that know nothing of an emitter work with one unchanged, by their address alone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from tests.conftest import RunningServer

from .emitters import EmitterProcess
from .events import an_event, runs_at

PRODUCER = """
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
client = OpenLineageClient()
for state in (RunState.START, RunState.COMPLETE):
    run, job = Run(runId="0199a0f0-0000-7000-8000-000000000001"), Job(namespace="team", name="load")
    client.emit(RunEvent(eventTime="2026-11-23T12:00:00Z", eventType=state, run=run, job=job, producer="https://x.y"))
"""


async def call(*command: str, **environment: str) -> tuple[int, str]:
    """Runs a program as its user does; its exit status and what it says."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_openlineage_for_python_over_http(emitter: EmitterProcess, server: RunningServer, tmp_path: Path) -> None:
    status, said = await call(sys.executable, "-c", PRODUCER, OPENLINEAGE_URL=emitter.http, HOME=str(tmp_path))
    assert status == 0, said
    await emitter.until(lambda found: found["delivered"] == 2)
    assert await runs_at(server.grpc_address) == ["0199a0f0-0000-7000-8000-000000000001"]


async def test_openlineage_for_python_over_our_transport(
    emitter: EmitterProcess, server: RunningServer, tmp_path: Path
) -> None:
    transport = "OPENLINEAGE__TRANSPORT__TYPE"
    settings = {transport: "headwater.openlineage.GrpcTransport", "HEADWATER_ADDRESS": emitter.grpc}
    status, said = await call(sys.executable, "-c", PRODUCER, **settings, HOME=str(tmp_path))
    assert status == 0, said
    await emitter.until(lambda found: found["delivered"] == 2)


async def test_the_headwater_command(emitter: EmitterProcess, server: RunningServer, tmp_path: Path) -> None:
    headwater = str(Path(sys.executable).with_name("headwater"))
    own = {"HEADWATER_ADDRESS": emitter.grpc, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    events = [an_event() for _ in range(3)]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, events)))
    status, said = await call(headwater, "send", str(file), **own)
    assert (status, "3 " in said) == (0, True), said
    status, said = await call(headwater, "run", "--job", "team/load", "--writes", "s3://b/o", "--", "true", **own)
    assert status == 0, said
    await emitter.until(lambda found: found["delivered"] >= 5 and not found["waiting"])
    assert len(await runs_at(server.grpc_address)) == 4
    file.write_text('{"eventTime": "never"}')
    await call(headwater, "send", str(file), **own)
    await emitter.until(lambda found: found["dead_letters"] == 1)
    status, said = await call(headwater, "rejected", **own)
    assert status == 0, said
    assert "eventTime" in said
