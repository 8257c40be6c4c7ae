"""What the emitter takes arrives at the real server, once and in order, whatever the way there does meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from tests.client.fakes import Failure, FakeServer
from tests.conftest import RunningServer
from tests.server.access.authority import LOOPBACK, Authority

from headwater import Client
from headwater.v1.event_pb2 import EventResult
from headwater_server.access.token_hashes import create_token, revoke_token
from headwater_server.domain.callers import Role

from .conftest import MakeEmitter
from .emitters import EmitterProcess, running
from .events import an_event, run_at, runs_at
from .line import Line, line_to

AWAY_SECONDS = float(os.environ.get("HEADWATER_TORTURE_AWAY_SECONDS", "3"))
"""How long the server is away: ten minutes in `make torture`."""


@pytest.fixture
async def line(server: RunningServer) -> AsyncIterator[Line]:
    async with line_to(server.grpc_address) as found:
        yield found


async def test_an_event_that_was_taken_arrives(emitter: EmitterProcess, server: RunningServer) -> None:
    event = an_event()
    answer = await emitter.post(event)
    assert answer.status_code == 201
    await emitter.until(lambda found: found["delivered"] == 1)
    assert await runs_at(server.grpc_address) == [event["run"]["runId"]]


@pytest.mark.timeout(AWAY_SECONDS + 240)
async def test_a_server_that_is_away_under_load_gets_everything_when_it_is_back(
    line: Line, server: RunningServer, make_emitter: MakeEmitter
) -> None:
    sent: list[str] = []
    loop = asyncio.get_running_loop()
    async with running(make_emitter(line.address)) as emitter:

        async def send_for(seconds: float) -> None:
            end = loop.time() + seconds
            while loop.time() < end:
                events = [an_event() for _ in range(20)]
                assert (await emitter.post(events, "/batch")).status_code == 204
                sent.extend(event["run"]["runId"] for event in events)
                await asyncio.sleep(0.1)

        await send_for(1)
        await line.cut()
        await send_for(AWAY_SECONDS)
        found = await emitter.until(lambda found: found["state"] == "server away")
        assert found["waiting"] > 0
        assert found["problem"]
        await line.mend()
        await send_for(1)
        found = await emitter.until(lambda found: not found["waiting"], 180)
        assert found["state"] == "ok"
    assert sorted(await runs_at(server.grpc_address)) == sorted(sent)


async def test_the_events_of_a_run_arrive_in_their_order(make_emitter: MakeEmitter) -> None:
    failures = [
        Failure(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE"),
        Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after=0.1),
        Failure(grpc.StatusCode.UNKNOWN),
    ]
    with FakeServer() as server:
        async with running(make_emitter(server.address)) as emitter:
            for number in range(120):
                if number % 20 == 0:
                    server.fail("BatchWriteEvents", failures[number // 20 % 3])
                event = an_event(f"run-{number % 3}", "RUNNING", step={"number": number})
                assert (await emitter.post(event)).status_code == 201
            await emitter.until(lambda found: found["delivered"] == 120)
        arrived = [json.loads(each.open_lineage)["run"] for each in server.events]
    for run in range(3):
        steps = [each["facets"]["step"]["number"] for each in arrived if each["runId"] == f"run-{run}"]
        assert steps == [*range(run, 120, 3)]


async def test_what_the_server_will_never_take_does_not_hold_up_the_rest(emitter: EmitterProcess) -> None:
    events = [an_event() if number % 3 else {"eventTime": "never"} for number in range(30)]
    assert (await emitter.post(events, "/batch")).status_code == 204
    found = await emitter.until(lambda found: not found["waiting"])
    assert (found["delivered"], found["dead_letters"], found["state"]) == (20, 10, "ok")


async def test_an_emitter_that_is_started_again_goes_on_with_its_spool(
    server: RunningServer, make_emitter: MakeEmitter
) -> None:
    emitter = make_emitter("127.0.0.1:1")
    event = an_event()
    async with running(emitter):
        assert (await emitter.post(event)).status_code == 201
        await emitter.kill()
    emitter.server = server.grpc_address
    async with running(emitter):
        await emitter.until(lambda found: found["delivered"] == 1)
    assert await runs_at(server.grpc_address) == [event["run"]["runId"]]


async def test_what_an_ended_pod_left_on_a_shared_volume_is_taken_over(
    server: RunningServer, make_emitter: MakeEmitter
) -> None:
    first, second = make_emitter("127.0.0.1:1", pod_uid="one"), make_emitter(server.grpc_address, pod_uid="two")
    event = an_event()
    async with running(first):
        await first.post(event)
        assert await first.stop() == 0
    assert "events were not delivered" in first.termination_log.read_text()
    assert "wait in" in first.termination_log.read_text()
    async with running(second):
        await second.until(lambda found: found["delivered"] == 2)  # the client's, and the first pod's about it
    assert event["run"]["runId"] in await runs_at(server.grpc_address)
    assert [each.name for each in second.spool_dir.glob("*.spool")] == ["two.spool"]


async def test_what_a_living_pod_has_on_a_shared_volume_is_left_alone(
    server: RunningServer, make_emitter: MakeEmitter
) -> None:
    first, second = make_emitter("127.0.0.1:1", pod_uid="one"), make_emitter(server.grpc_address, pod_uid="two")
    async with running(first), running(second):
        await first.post(an_event())
        await second.post(an_event())
        await second.until(lambda found: found["delivered"] == 2)
        assert (await first.status())["waiting"] == 2


async def test_events_that_had_to_be_dropped_are_told_of(
    line: Line, server: RunningServer, make_emitter: MakeEmitter
) -> None:
    await line.cut()
    settings = {"droppable": "true", "block_seconds": 0, "spool_bytes": 2**20}
    async with running(make_emitter(line.address, **settings)) as emitter:
        filler = "x" * 20_000
        for _ in range(80):
            assert (await emitter.post(an_event(filler={"text": filler}))).status_code == 201
        found = await emitter.status()
        assert found["dropped"] > 0
        assert found["untold_gaps"] == 1
        await line.mend()
        found = await emitter.until(lambda found: not found["waiting"] and not found["untold_gaps"])
    async with Client(server.grpc_address) as client:
        job = [each async for each in client.jobs("headwater")]
        assert [each.name.rpartition("/")[0] for each in job] != []
        whole = await client.get_job(job[0].name, view="FULL")
    (gap,) = [json.loads(each.json) for each in whole.facets if each.name == "headwater_gap"]
    assert gap["dropped"] == found["dropped"]
    assert gap["since"] <= gap["until"]


@contextlib.asynccontextmanager
async def asking_server(database: str, folder: Path, *settings: str) -> AsyncIterator[str]:
    """A server on the test's database that asks who calls, or is asked who it is; its address for the emitter."""
    from headwater_server.app import running as serving
    from headwater_server.config import parse_settings

    doors = ["--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"]
    async with serving(parse_settings(["--dsn", database, *doors, *settings], {"HOME": str(folder)})) as server:
        yield str(server.grpc_mtls or server.grpc)


async def test_a_token_is_read_again_as_it_rotates(database: str, tmp_path: Path, make_emitter: MakeEmitter) -> None:
    hashes, token_file = tmp_path / "hashes", tmp_path / "token"
    first, _ = create_token(hashes, "first", Role.EMITTER)
    second, _ = create_token(hashes, "second", Role.EMITTER)
    token_file.write_text(first)
    async with (
        asking_server(database, tmp_path, "--token-hashes-file", str(hashes)) as address,
        running(make_emitter(address, token_file=token_file)) as emitter,
    ):
        await emitter.post(an_event())
        await emitter.until(lambda found: found["delivered"] == 1)
        revoke_token(hashes, "first")
        async with asyncio.timeout(60):
            while (await emitter.status())["state"] != "refused":
                await emitter.post(an_event())
                await asyncio.sleep(0.1)
        token_file.write_text(second)
        found = await emitter.until(lambda found: not found["waiting"], 90)
        assert found["dead_letters"] == 0
        assert found["state"] == "ok"


async def test_a_ca_is_read_again_as_it_rotates(database: str, tmp_path: Path, make_emitter: MakeEmitter) -> None:
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    pair = ours.issue("server", "headwater", LOOPBACK)
    ca_file = tmp_path / "mounted.pem"
    ca_file.write_bytes(other.ca.read_bytes())
    tls = ("--tls-certificate-file", str(pair.certificate), "--tls-key-file", str(pair.key))
    async with (
        asking_server(database, tmp_path, *tls) as address,
        running(make_emitter(address, ca_file=ca_file)) as emitter,
    ):
        await emitter.post(an_event())
        await emitter.until(lambda found: found["state"] == "server away")
        ca_file.write_bytes(ours.ca.read_bytes())
        await emitter.until(lambda found: found["delivered"] == 1, 90)


async def test_a_certificate_of_its_own_is_read_again_as_it_rotates(
    database: str, tmp_path: Path, make_emitter: MakeEmitter
) -> None:
    servers, clients, stranger = Authority(tmp_path), Authority(tmp_path, "clients"), Authority(tmp_path, "stranger")
    served, own = servers.issue("server", "headwater", LOOPBACK), stranger.issue("emitter", "job.example.com")
    access = tmp_path / "access.toml"
    access.write_text('[[roles]]\nrole = "emitter"\nsubjects = ["certificate:job.example.com"]\n')
    tls = (f"--tls-certificate-file={served.certificate}", f"--tls-key-file={served.key}")
    mutual = (f"--client-ca-file={clients.ca}", "--grpc-mtls-address=127.0.0.1:0", f"--access-file={access}")
    mounted = {"ca_file": servers.ca, "certificate_file": own.certificate, "key_file": own.key}
    async with (
        asking_server(database, tmp_path, *tls, *mutual) as address,
        running(make_emitter(address, **mounted)) as emitter,
    ):
        await emitter.post(an_event())
        await emitter.until(lambda found: found["state"] == "server away")
        own.become(clients.issue("fresh", "job.example.com"))
        await emitter.until(lambda found: found["delivered"] == 1, 90)


async def test_what_was_delivered_is_a_duplicate_when_it_is_sent_to_the_server_itself(
    emitter: EmitterProcess, server: RunningServer
) -> None:
    text = b'{ "eventType":"START",  "eventTime":"2026-11-23T12:00:00Z","run":{"runId":"a"},'
    text += b'"job":{"namespace":"n","name":"j"}}'
    assert (await emitter.post(text)).status_code == 201
    await emitter.until(lambda found: found["delivered"] == 1)
    assert await run_at(server.grpc_address, "a")
    async with Client(server.grpc_address) as client:
        assert (await client.write_event(text)).result.outcome == EventResult.OUTCOME_DUPLICATE
