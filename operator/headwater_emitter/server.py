"""The server, as delivery reaches it: one client, made anew whenever its certificates change on disk.

The token needs no such care: the client reads it again as it rotates.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from headwater import Client
from headwater.program.connection import Connection
from headwater.v1.event_pb2 import Event
from headwater.v1.ingest_service_pb2 import BatchWriteEventsResponse

Stamp = tuple[tuple[int, int, int] | None, ...]


class Server:
    """Writes events, as `headwater.spool.Delivery` asks for it. Raises HeadwaterError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client: Client | None = None
        self._stamp: Stamp = ()

    async def batch_write_events(
        self, events: Iterable[Event], *, timeout_seconds: float | None = None
    ) -> BatchWriteEventsResponse:
        """Gives the result of each event."""
        client = await self._current_client()
        return await client.batch_write_events(events, timeout_seconds=timeout_seconds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def _current_client(self) -> Client:
        files = (self._connection.ca_file, self._connection.certificate_file, self._connection.key_file)
        stamp = tuple(_stamp(file) for file in files)
        if self._client is None or stamp != self._stamp:
            # Delivery repeats calls itself, and for ever.
            fresh = Client(settings=replace(self._connection.client(), max_attempts=1, compress=True))
            old, self._client, self._stamp = self._client, fresh, stamp
            if old is not None:
                await old.close()
        return self._client


def _stamp(file: Path | None) -> tuple[int, int, int] | None:
    with contextlib.suppress(OSError):
        if file is not None:
            stat = file.stat()
            return stat.st_mtime_ns, stat.st_ino, stat.st_size
    return None
