"""An answer holds the position that it is asked to hold, from a replica that may lag behind or from the primary."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from headwater_server.domain.errors import InvalidField
from headwater_server.domain.lineage import DatasetRoot, Traversal
from headwater_server.domain.model import AssetName
from headwater_server.storage.database import Database
from headwater_server.storage.lineage.store import LineageStore
from headwater_server.usecases.lineage import get_lineage

from .conftest import Lineage

ROOT = DatasetRoot(AssetName("db", "clean"))


class Replica:
    """A database that shows one old state until it catches up."""

    def __init__(self, primary: Database, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._primary = primary
        self._old = connection
        self.asked = 0
        self.lags_for = 10**6

    @contextlib.asynccontextmanager
    async def reading(self, seconds: float) -> AsyncIterator[Any]:
        """The old state, or the present one once it has been asked for often enough."""
        self.asked += 1
        if self.asked <= self.lags_for:
            yield self._old
        else:
            async with self._primary.reading(seconds) as connection:
                yield connection


@pytest.fixture
async def replica(
    reading: Database, connection: asyncpg.Connection[asyncpg.Record], lineage: Lineage
) -> AsyncIterator[Replica]:
    """A replica that does not know yet what the test is going to write after the first event."""
    await lineage.run(1, "copy", "a1", reads=["old"], writes=["clean"])
    async with connection.transaction(isolation="repeatable_read"):
        await connection.fetch("SELECT FROM links")
        yield Replica(reading, connection)


async def upstream(store: LineageStore, position: str = "") -> set[str]:
    """What is upstream of the root."""
    answer = await get_lineage(store, Traversal((ROOT,), min_position=position), 30)
    return {node.asset.name for node in answer.part.nodes[1:]}


async def test_a_replica_answers_with_what_it_has(lineage: Lineage, reading: Database, replica: Any) -> None:
    await lineage.run(2, "copy", "a2", reads=["new"], writes=["clean"])
    assert await upstream(LineageStore(reading, replica)) == {"old"}


async def test_the_primary_answers_where_the_replica_lags_behind(
    lineage: Lineage, reading: Database, replica: Any
) -> None:
    position = await lineage.run(2, "copy", "a2", reads=["new"], writes=["clean"])
    assert await upstream(LineageStore(reading, replica), position) == {"new"}
    assert replica.asked > 2


async def test_a_replica_is_given_a_moment_to_catch_up(lineage: Lineage, reading: Database, replica: Any) -> None:
    position = await lineage.run(2, "copy", "a2", reads=["new"], writes=["clean"])
    replica.lags_for = 2
    assert await upstream(LineageStore(reading, replica), position) == {"new"}
    assert replica.asked == 3


async def test_a_position_of_nowhere_is_refused(reading: Database, replica: Any) -> None:
    with pytest.raises(InvalidField):
        await upstream(LineageStore(reading, replica), str(2**50))
