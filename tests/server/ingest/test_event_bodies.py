"""Bodies stay readable, whichever dictionary they were compressed with, and traffic that changes gets a new one."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from headwater_server.storage import event_bodies
from headwater_server.storage.database import Database
from headwater_server.storage.event_bodies import BodyCompressor, read_frames


def events_of(team: str, count: int) -> list[bytes]:
    """Events of one team, who write words of their own."""
    chance = random.Random(team)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=9)) for _ in range(400)]
    common = {f"{team}_{word}": word[::-1] for word in words[:60]}
    return [json.dumps(common | {"run": n, "tables": chance.choices(words, k=6)}).encode() for n in range(count)]


@pytest_asyncio.fixture
async def store(database: str) -> AsyncIterator[Database]:
    """A store of the test's own."""
    opened = await Database.open(database, max_connections=2)
    yield opened
    await opened.close()


async def dictionaries(store: Database) -> int:
    """How many dictionaries there are."""
    async with store.transaction() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM dictionaries"))


async def compress_all(store: Database, bodies: BodyCompressor, events: list[bytes], *, size: int) -> list[bytes]:
    """The frames of events that come in groups of a size, as they do."""
    frames = []
    for start in range(0, len(events), size):
        bodies.see(events[start : start + size])
        frames += await bodies.compress(events[start : start + size])
        bodies.train_if_ready(store)
        await bodies.trained()
    return frames


async def test_another_dictionary_is_trained_once_events_shrink_less(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_bodies, "SAMPLES", 300)
    monkeypatch.setattr(event_bodies, "SHARE_EVENTS", 200)
    bodies = BodyCompressor()
    async with store.transaction() as connection:
        await bodies.prepare(connection)
    first = events_of("orders", 1_500)
    frames = await compress_all(store, bodies, first, size=50)
    assert await dictionaries(store) == 1
    other = events_of("vision", 1_500)
    frames += await compress_all(store, bodies, other, size=150)
    assert await dictionaries(store) == 2
    assert len(frames[-1]) < len(frames[1_500]) / 2
    async with store.transaction() as connection:
        assert await read_frames(connection, frames) == first + other
    await bodies.close()


async def test_the_next_server_goes_on_with_the_newest_dictionary(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_bodies, "SAMPLES", 300)
    one, other = BodyCompressor(), BodyCompressor()
    async with store.transaction() as connection:
        await one.prepare(connection)
    events = events_of("orders", 600)
    frames = await compress_all(store, one, events, size=200)
    async with store.transaction() as connection:
        await other.prepare(connection)
    assert await other.compress(events[-1:]) == frames[-1:]
    assert await dictionaries(store) == 1
    await one.close()
    await other.close()


async def test_of_two_processes_that_meet_the_same_traffic_one_trains(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_bodies, "SAMPLES", 300)
    one, other = BodyCompressor(), BodyCompressor()
    async with store.transaction() as connection:
        await one.prepare(connection)
        await other.prepare(connection)
    events = events_of("orders", 600)
    frames = await compress_all(store, one, events, size=200)
    others = await compress_all(store, other, events[::-1], size=200)
    assert others[-1] == (await one.compress(events[:1]))[0] != frames[0]
    assert await dictionaries(store) == 1
    await one.close()
    await other.close()
