"""Serves HTTP in this process and on this loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from .tls import CertifiedProtocol


class HttpServer(uvicorn.Server):
    """An HTTP server that is started and stopped like any other part, and leaves signals to the program.

    Every answer tells `version` and the time here, as `Headwater-Version` and `Date`.
    """

    def __init__(
        self,
        application: Starlette,
        *,
        drain_timeout_seconds: int,
        version: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        config = uvicorn.Config(
            application,
            http=CertifiedProtocol,
            ssl_context_factory=(lambda *_: tls) if tls else None,
            lifespan="off",
            log_config=None,
            access_log=False,
            # Who sent an event is its peer: anyone could write another address into a header.
            proxy_headers=False,
            server_header=False,
            headers=[("headwater-version", version)],
            ws="none",
            timeout_graceful_shutdown=drain_timeout_seconds,
        )
        super().__init__(config)
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield

    async def start(self, listener: socket.socket) -> None:
        """Returns when requests are answered."""
        self._task = asyncio.create_task(self.serve(sockets=[listener]), name="http")
        while not self.started and not self._task.done():
            await asyncio.sleep(0.005)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Takes nothing new, and returns when what was taken is answered, or the time for it is over."""
        self.should_exit = True
        if self._task:
            await self._task
