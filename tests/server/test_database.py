"""A connection that PostgreSQL has ended, before it was closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import pytest_asyncio
from tests.server.conftest import until_there

from headwater_server.domain.errors import StoreUnavailable
from headwater_server.storage.database import Connection, Database
from headwater_server.storage.graph.memory import GraphMemory
from headwater_server.storage.probe import PostgresProbe

SOCKET = ".s.PGSQL.5432"
Ask = Callable[[Database], AbstractAsyncContextManager[Connection]]
WAYS: dict[str, Ask] = {
    "statements": Database.connection,
    "a transaction": Database.transaction,
    "a question": lambda database: database.reading(10),
}


class Wire:
    """What lies between clients and PostgreSQL: it passes on what is said, and that PostgreSQL hung up when it may."""

    def __init__(self, store: str, socket: Path, folder: Path) -> None:
        self.dsn = store.replace(str(socket), str(folder))
        self._store = store
        self._target = str(socket / SOCKET)
        self._hung_up = asyncio.Event()
        self._may_tell = asyncio.Event()
        self._may_tell.set()
        self.served: set[asyncio.Task[None]] = set()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection of a client."""
        self.served.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_store, to_store = await asyncio.open_unix_connection(self._target)
        there = asyncio.create_task(_pass_on(reader, to_store))
        await _pass_on(from_store, writer)
        self._hung_up.set()
        await self._may_tell.wait()
        writer.close()
        await there
        to_store.close()

    @asynccontextmanager
    async def ended_unnoticed(self) -> AsyncIterator[None]:
        """Has PostgreSQL end all connections, and those who have them hear of it only at the end of the block."""
        self._may_tell.clear()
        self._hung_up.clear()
        administrator = await asyncpg.connect(self._store)
        await administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await administrator.close()
        await self._hung_up.wait()
        try:
            yield
        finally:
            self._may_tell.set()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)


@pytest_asyncio.fixture
async def wire(database: str, tmp_path: Path) -> AsyncIterator[Wire]:
    """A wire to the test's database."""
    socket = Path(parse_qs(urlsplit(database).query)["host"][0])
    found = Wire(database, socket, tmp_path)
    server = await asyncio.start_unix_server(found.join, tmp_path / SOCKET)
    yield found
    server.close()
    await asyncio.gather(*found.served)


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_that_was_told_to_end_is_the_store_being_away_for_once(way: str, wire: Wire) -> None:
    store = await Database.open(wire.dsn, max_connections=1)
    async with store.connection() as connection:
        await connection.fetchval("SELECT 1")
    async with wire.ended_unnoticed():
        with pytest.raises(StoreUnavailable):
            async with WAYS[way](store) as connection:
                await connection.fetchval("SELECT 1")
        async with WAYS[way](store) as connection:
            assert await connection.fetchval("SELECT 2") == 2
    await store.close()


async def test_who_asks_whether_the_store_answers_asks_over_another_one_next(wire: Wire) -> None:
    probe = PostgresProbe(wire.dsn)
    assert await probe.check() is None
    async with wire.ended_unnoticed():
        with pytest.raises(StoreUnavailable):
            await probe.check()
        assert await probe.check() is None
    probe.close()


async def test_a_graph_in_memory_is_kept_up_to_date_over_another_one(wire: Wire, database: str) -> None:
    store = await Database.open(database, max_connections=1)
    memory = GraphMemory(store, wire.dsn, 64)
    keeping = asyncio.create_task(memory.keep())
    await until_there(memory)
    async with wire.ended_unnoticed():
        await until_there(memory)
        assert not keeping.done()
    keeping.cancel()
    await asyncio.wait([keeping])
    await store.close()
