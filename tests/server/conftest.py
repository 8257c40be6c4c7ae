"""What tests of the server share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from headwater_server.storage.graph.memory import GraphMemory


@pytest_asyncio.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to the test's own database."""
    opened = await asyncpg.connect(database)
    try:
        yield opened
    finally:
        await opened.close()


async def until_there(memory: GraphMemory) -> None:
    """Returns once the graph is in memory."""
    async with asyncio.timeout(30):
        while await memory.fresh() is None:
            await asyncio.sleep(0.02)
