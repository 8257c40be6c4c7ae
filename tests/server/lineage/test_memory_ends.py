"""The graph in memory stops being kept when the server stops, whatever it does at that moment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.server.conftest import until_there

from headwater_server.storage.database import Database
from headwater_server.storage.graph import memory
from headwater_server.storage.graph.memory import GraphMemory


async def test_it_ends_when_it_is_told_to_as_postgresql_answers(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answers = asyncio.Event(), asyncio.Event()
    poll = memory.poll

    async def slow_poll(connection: Any, seen: Any) -> Any:
        polled = await poll(connection, seen)
        asked.set()
        await answers.wait()
        return polled

    store = await Database.open(database, max_connections=1)
    kept = GraphMemory(store, database, 64)
    keeping = asyncio.create_task(kept.keep())
    await until_there(kept)
    monkeypatch.setattr(memory, "poll", slow_poll)
    await asked.wait()
    answers.set()
    await asyncio.sleep(0)
    keeping.cancel()
    await asyncio.wait([keeping], timeout=10)
    assert keeping.cancelled()
    await store.close()
