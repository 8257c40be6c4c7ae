"""A line to a server that can be cut and mended, as a network is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Line:
    """Passes on what comes to `address`, as long as it is not cut."""

    def __init__(self, server: str) -> None:
        host, _, port = server.rpartition(":")
        self._server = host, int(port)
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def address(self) -> str:
        """Where it begins; the same after it was cut."""
        return f"127.0.0.1:{self._port}"

    async def mend(self) -> None:
        """Lets everything through from now on."""
        self._listener = await asyncio.start_server(self._pass_on, "127.0.0.1", self._port, reuse_address=True)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Ends what goes on, and lets nothing through."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for writer in [*self._writers]:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._server)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            self._writers -= {writer, back}
            writer.transport.abort()
            back.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@contextlib.asynccontextmanager
async def line_to(server: str) -> AsyncIterator[Line]:
    """A line that is whole at first, for a block."""
    line = Line(server)
    await line.mend()
    try:
        yield line
    finally:
        await line.cut()
