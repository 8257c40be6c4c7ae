"""Events are kept for as long as the server is told to, and refused where they are older."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest

from headwater_server.app import running
from headwater_server.config import Settings, parse_settings
from headwater_server.storage import upkeep
from headwater_server.storage.partitions import ensure_partitions

MakeEvent = Callable[..., bytes]
RUN = "01936893-9a0b-7c11-a7f5-0d2a4c1f5e77"


def settings_of(database: str, home: Path, *more: str) -> Settings:
    arguments = ["--dsn", database, "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", *more]
    return parse_settings(arguments, {"HOME": str(home)})


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


async def test_an_event_older_than_what_is_kept_is_refused(database: str, tmp_path: Path, event: MakeEvent) -> None:
    settings = settings_of(database, tmp_path, "--keep-events-days", "30")
    async with running(settings) as addresses, httpx.AsyncClient(base_url=f"http://{addresses.http}") as http:
        old = await http.post("/api/v1/lineage", content=event(eventTime=days_ago(31)))
        young = await http.post("/api/v1/lineage", content=event(eventTime=days_ago(29)))
    error = old.json()["error"]
    assert (old.status_code, error["reason"], error["field"]) == (400, "TOO_OLD", "eventTime")
    assert error["metadata"]["oldest"][:10] == days_ago(30)[:10]
    assert young.status_code == 201


async def test_without_a_limit_the_oldest_event_is_taken(http: httpx.AsyncClient, event: MakeEvent) -> None:
    assert (await http.post("/api/v1/lineage", content=event(eventTime="1999-01-01T00:00:00Z"))).status_code == 201


async def test_events_that_became_too_old_are_dropped_and_what_was_learnt_from_them_stays(
    database: str,
    tmp_path: Path,
    event: MakeEvent,
    connection: asyncpg.Connection[asyncpg.Record],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await ensure_partitions(connection, datetime.now(UTC) - timedelta(days=70))
    settings = settings_of(database, tmp_path)
    async with running(settings) as addresses, httpx.AsyncClient(base_url=f"http://{addresses.http}") as http:
        for days, run in ((71, RUN), (400, "in no partition of its own"), (3, "young")):
            body = event(run, eventTime=days_ago(days))
            assert (await http.post("/api/v1/lineage", content=body)).status_code == 201
    caplog.set_level(logging.INFO)
    async with running(settings_of(database, tmp_path, "--keep-events-days", "30")) as addresses:
        async with asyncio.timeout(20):
            while await connection.fetchval("SELECT count(*) FROM events") > 1:
                await asyncio.sleep(0.05)
        assert "dropped events_" in caplog.text
        async with httpx.AsyncClient(base_url=f"http://{addresses.http}") as http:
            run = (await http.get(f"/api/v1/show/{RUN}?view=full")).json()
            assert (run["state"], len(run["inputs"]), len(run["outputs"])) == ("RUN_STATE_SUCCEEDED", 1, 1)
            walk = (await http.get("/api/v1/upstream/shop.public.users")).json()
            assert len(walk["nodes"]) == 2


async def test_dropping_gives_way_to_a_long_transaction_and_is_done_later(
    database: str,
    connection: asyncpg.Connection[asyncpg.Record],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upkeep, "LOCK_SECONDS", 1)
    monkeypatch.setattr(upkeep, "INTERVAL_SECONDS", 0.2)
    await ensure_partitions(connection, datetime.now(UTC) - timedelta(days=70))

    async def old() -> int:
        names = await connection.fetch("SELECT relname FROM pg_class WHERE relname ~ '^events_[0-9]+$'")
        end = f"events_{datetime.now(UTC) - timedelta(days=37):%Y%m%d}"
        return sum(row["relname"] < end for row in names)

    opened = await upkeep.Database.open(database, max_connections=2)
    async with connection.transaction():
        await connection.execute("SELECT count(*) FROM events")
        keeping = asyncio.create_task(
            upkeep.keep_partitions(opened, upkeep.Upkeep(), rejected_days=7, keep_events_days=30)
        )
        async with asyncio.timeout(20):
            while "LockNotAvailableError" not in caplog.text:
                await asyncio.sleep(0.05)
        assert await old()
    async with asyncio.timeout(20):
        while await old():
            await asyncio.sleep(0.05)
    keeping.cancel()
    await asyncio.wait([keeping])
    await opened.close()
