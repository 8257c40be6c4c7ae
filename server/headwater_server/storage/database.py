"""Connections to PostgreSQL: an asyncpg pool, lent out for writes and for questions with a deadline.

Statements are SQL over arrays, so that a batch or a page is one of them whatever its size.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from ..domain.errors import QueryTimeout, StoreUnavailable
from .fast_arrays import use_fast_arrays

if TYPE_CHECKING:
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    Record = asyncpg.Record
else:
    Connection = asyncpg.pool.PoolConnectionProxy
    Pool = asyncpg.Pool
    Record = asyncpg.Record

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {timeout}"
SESSION = {"application_name": "headwater", "jit": "off", "TimeZone": "UTC"}
"""Settings of every session; compiling a short query costs more than it saves."""
AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.AdminShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""What asyncpg raises when PostgreSQL is away.

While it shuts down, it says so to connections that nobody uses before it closes them. One that is used in between
counts as busy, which is an InternalClientError: it is no good any more, and asyncpg does not see that by itself.
"""

FAILED = (*AWAY, asyncpg.PostgresError)
"""What asyncpg raises when PostgreSQL is away or refuses, which is the same to work that tries again by itself."""

ACQUIRE_SECONDS = 10
"""How long a write waits for a connection."""


@dataclass(frozen=True, slots=True)
class Connections:
    """How many connections are lent out, how many are open, and how many there may be."""

    used: int
    opened: int
    most: int


class Database:
    """One process's connections to one PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str, *, max_connections: int) -> Database:
        """Opens without connecting: the store may be away for now."""
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=max_connections,
            server_settings=SESSION,
            command_timeout=60,
            init=use_fast_arrays,
            reset=_leave_as_it_is,
        )
        return cls(pool)

    @property
    def connections(self) -> Connections:
        """How many there are at this moment."""
        size = self._pool.get_size()
        return Connections(size - self._pool.get_idle_size(), size, self._pool.get_max_size())

    async def close(self) -> None:
        """Closes the connections once they are given back."""
        await self._pool.close()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection on which each statement is a transaction. Raises StoreUnavailable."""
        try:
            async with _lent(self._pool, ACQUIRE_SECONDS) as connection:
                yield connection
        except AWAY as error:
            raise StoreUnavailable from error

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction that is committed at its end, and rolled back by an error. Raises StoreUnavailable."""
        try:
            async with _lent(self._pool, ACQUIRE_SECONDS) as connection, connection.transaction():
                yield connection
        except AWAY as error:
            raise StoreUnavailable from error

    @contextlib.asynccontextmanager
    async def reading(self, seconds: float) -> AsyncIterator[Connection]:
        """One snapshot of the store to ask, for at most so many seconds, which PostgreSQL is told.

        Raises QueryTimeout or StoreUnavailable.
        """
        try:
            async with _lent(self._pool, seconds) as connection, _snapshot(connection, seconds):
                yield connection
        except (asyncpg.QueryCanceledError, TimeoutError) as error:
            raise QueryTimeout(seconds) from error
        except AWAY as error:
            raise StoreUnavailable from error


@contextlib.asynccontextmanager
async def _lent(pool: Pool, seconds: float) -> AsyncIterator[Connection]:
    """A connection, for which one waits for at most so many seconds; one that is no good any more is not lent again."""
    async with pool.acquire(timeout=seconds) as connection:
        try:
            yield connection
        except asyncpg.InternalClientError:
            connection.terminate()
            raise


@contextlib.asynccontextmanager
async def _snapshot(connection: Connection, seconds: float) -> AsyncIterator[None]:
    """A transaction that only reads, in one snapshot; it is begun and bounded by one message."""
    timeout = max(1, int(seconds * 1000))
    try:
        await connection.execute(_BEGIN.format(timeout=timeout))
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")


async def _leave_as_it_is(_: object) -> None:
    """What a session has set ends with its transaction, so there is nothing to reset when it is given back."""
