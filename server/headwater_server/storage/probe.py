"""Asks PostgreSQL whether it answers, and with the schema that this build needs."""

from __future__ import annotations

import asyncio

import asyncpg

from ..domain.errors import StoreUnavailable
from .database import FAILED, SESSION
from .migrate import SchemaState, read_schema

TIMEOUT_SECONDS = 5.0


class PostgresProbe:
    """Asks over a connection of its own, which no load of calls can keep it from.

    `reachable` says whether the store answered last time, `revision` which schema it had then; nothing before.
    """

    def __init__(self, dsn: str) -> None:
        self.reachable = False
        self.revision = ""
        self._dsn = dsn
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def check(self) -> str | None:
        """What keeps this build from using the store; None where nothing does. Raises StoreUnavailable."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if self._connection is None:
                    self._connection = await asyncpg.connect(self._dsn, server_settings=SESSION)
                schema = await read_schema(self._connection)
        except FAILED as error:
            self.reachable = False
            self.close()
            raise StoreUnavailable from error
        self.reachable, self.revision = True, schema.revision
        return None if schema.state is SchemaState.READY else schema.state.value

    def close(self) -> None:
        """Drops the connection."""
        if self._connection:
            self._connection.terminate()
            self._connection = None
