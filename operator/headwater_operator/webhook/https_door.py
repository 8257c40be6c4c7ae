"""The webhook's HTTPS: where the API server asks."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from headwater.program.values import Address

from .review import Undecodable

MOST_BYTES = 8 * 2**20
"""Of one review. A pod of Kubeflow Pipelines can have several hundred kilobytes."""

STOP_SECONDS = 5.0
"""How long the end waits for answers that are being made."""


@contextlib.asynccontextmanager
async def answering(
    address: Address, context: ssl.SSLContext, answer: Callable[[bytes], Awaitable[bytes]]
) -> AsyncIterator[Address]:
    """Answers reviews at /inject inside of the block; gives where. Raises OSError where the address is taken."""

    async def inject(request: web.Request) -> web.Response:
        try:
            return web.Response(body=await answer(await request.read()), content_type="application/json")
        except Undecodable as error:
            return web.Response(text=f"{error}\n", status=400)

    application = web.Application(client_max_size=MOST_BYTES)
    application.add_routes([web.post("/inject", inject)])
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address.host, address.port, ssl_context=context)
        await site.start()
        yield Address(address.host, runner.addresses[0][1])
    finally:
        await runner.cleanup()
