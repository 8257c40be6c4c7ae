"""A connection that PostgreSQL has ended, before it was closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from headwater_server.domain.errors import StoreUnavailable
from headwater_server.storage.database import Connection, Database

Ask = Callable[[Database], AbstractAsyncContextManager[Connection]]
WAYS: dict[str, Ask] = {
    "statements": Database.connection,
    "a transaction": Database.transaction,
    "a question": lambda database: database.reading(10),
}


class Wire:
    """What lies between a client and PostgreSQL: it passes on what is said, and that one hung up when it may."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.hung_up = asyncio.Event()
        self.may_tell = asyncio.Event()
        self.served: set[asyncio.Task[None]] = set()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection of a client."""
        self.served.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_store, to_store = await asyncio.open_unix_connection(self._target)
        there = asyncio.create_task(_pass_on(reader, to_store))
        await _pass_on(from_store, writer)
        self.hung_up.set()
        await self.may_tell.wait()
        writer.close()
        await there
        to_store.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)


@asynccontextmanager
async def wired(dsn: str, folder: Path) -> AsyncIterator[tuple[Database, Wire]]:
    """A database whose connections go over a wire."""
    socket = Path(parse_qs(urlsplit(dsn).query)["host"][0])
    wire = Wire(str(socket / ".s.PGSQL.5432"))
    server = await asyncio.start_unix_server(wire.join, folder / ".s.PGSQL.5432")
    database = await Database.open(dsn.replace(str(socket), str(folder)), max_connections=1)
    try:
        yield database, wire
    finally:
        wire.may_tell.set()
        await database.close()
        server.close()
        await asyncio.gather(*wire.served)


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_that_was_told_to_end_is_the_store_being_away_for_once(
    way: str, database: str, tmp_path: Path
) -> None:
    async with wired(database, tmp_path) as (store, wire):
        async with store.connection() as connection:
            process = await connection.fetchval("SELECT pg_backend_pid()")
        administrator = await asyncpg.connect(database)
        await administrator.execute("SELECT pg_terminate_backend($1)", process)
        await administrator.close()
        await wire.hung_up.wait()
        with pytest.raises(StoreUnavailable):
            async with WAYS[way](store) as connection:
                await connection.fetchval("SELECT 1")
        async with WAYS[way](store) as connection:
            assert await connection.fetchval("SELECT 2") == 2
