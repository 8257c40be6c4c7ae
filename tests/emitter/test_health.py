"""What the emitter says of itself, to probes, to Prometheus and to people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from .emitters import EmitterProcess
from .events import an_event
from .test_real_clients import call

PROGRAM = str(Path(sys.executable).with_name("headwater-emitter"))


async def metrics_of(emitter: EmitterProcess) -> dict[str, float]:
    """The emitter's own figures, by name and door."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{emitter.doors['health']}/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    samples = [each for family in text_string_to_metric_families(answer.text) for each in family.samples]
    own = [each for each in samples if each.name.startswith("headwater_emitter_")]
    return {" ".join([each.name.removeprefix("headwater_emitter_"), *each.labels.values()]): each.value for each in own}


async def test_probes_are_told_that_it_lives_whatever_the_server_does(lonely: EmitterProcess) -> None:
    await lonely.post(an_event())
    found = await lonely.until(lambda found: found["state"] == "server away")
    assert found["waiting"] == 1
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://{lonely.doors['health']}/healthz")).status_code == 200


async def test_metrics_count_what_comes_waits_and_goes(emitter: EmitterProcess) -> None:
    await emitter.post([an_event(), 17, {"eventTime": "never"}], "/batch")
    await emitter.until(lambda found: not found["waiting"])
    found = await metrics_of(emitter)
    expected = {
        "received_total http": 3,
        "refused_total http": 1,
        "delivered_total": 1,
        "rejected_total": 1,
        "dropped_total": 0,
        "dead_letters": 1,
        "spool_items": 0,
        "spool_bytes": 0,
        "spool_oldest_seconds": 0,
        "spool_usable": 1,
    }
    assert {name: found[name] for name in expected} == expected


async def test_metrics_tell_how_much_waits_and_how_long(lonely: EmitterProcess) -> None:
    await lonely.post(an_event())
    found = await metrics_of(lonely)
    assert found["spool_items"] == 1
    assert found["spool_bytes"] > 100
    assert found["spool_oldest_seconds"] > 0


async def test_status_says_it_to_people(lonely: EmitterProcess) -> None:
    await lonely.post(an_event())
    await lonely.until(lambda found: found["state"] == "server away")
    status, said = await call(PROGRAM, "status", HEADWATER_HEALTH_ADDRESS=lonely.doors["health"])
    assert status == 0, said
    assert "state      server away: " in said
    assert "waiting    1 events, " in said
    assert f"http       {lonely.doors['http']}" in said


async def test_status_says_that_there_is_no_emitter() -> None:
    status, said = await call(PROGRAM, "status", "--health-address", "127.0.0.1:1")
    assert (status, said.startswith("headwater-emitter: no emitter answers on 127.0.0.1:1")) == (1, True), said


async def test_it_listens_on_the_loopback_unless_told_otherwise() -> None:
    from headwater_emitter.settings import Settings

    settings: Any = Settings()
    assert all(
        address.is_loopback for address in (settings.http_address, settings.grpc_address, settings.health_address)
    )
