"""Who makes an HTTP request: asked before anything else of it is looked at, its body and its path included."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ..domain.callers import Caller, Credentials
from ..domain.errors import HeadwaterError
from ..usecases.access import Access
from .bodies import discard
from .errors import tell_error

OPEN = ("/healthz", "/readyz", "/facets/")
"""How the paths begin that answer anybody: probes have no credentials, and schemas are published."""
DISCARD_BYTES = 1 << 20
DISCARD_SECONDS = 5
"""How much of a body is passed over, and for how long, before its sender is told that it is not let in."""
CALLER = "caller"
CERTIFICATE = "certificate"
"""Where, in the state of a request, the caller is kept, and the client's certificate as DER."""


class Authentication:
    """Finds the caller of each request, or answers it with why not."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        if not scope["path"].startswith(OPEN):
            try:
                caller = await self._access.identify(_credentials(request))
            except HeadwaterError as error:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DISCARD_SECONDS):
                        await discard(request.stream(), DISCARD_BYTES)
                await (await tell_error(request, error))(scope, receive, send)
                return
            setattr(request.state, CALLER, caller)
        await self._app(scope, receive, send)


def caller_of(request: Request) -> Caller:
    """Who makes a request."""
    caller: Caller = getattr(request.state, CALLER)
    return caller


def _credentials(request: Request) -> Credentials:
    return Credentials(request.headers.getlist("authorization"), getattr(request.state, CERTIFICATE, None))
