"""Serves HTTP in this process and on this loop, and answers errors as the server does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import socket
from collections.abc import AsyncIterator, Iterator, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headwater.errors import DOMAIN, HeadwaterError
from headwater.program.values import Address

from .refusals import STATUSES, invalid_field, not_served

GRACE_SECONDS = 1
"""How long requests that are being answered may take once nothing new is taken."""


class _Server(uvicorn.Server):
    """A server that leaves signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(address: Address, routes: Sequence[Route]) -> AsyncIterator[Address]:
    """Serves inside of the block; gives where. Raises OSError where the address is taken."""
    listener = socket.create_server((address.host, address.port), family=address.family, backlog=128)
    handlers = {HeadwaterError: _tell, HTTPException: _tell_no_route}
    config = uvicorn.Config(
        Starlette(routes=routes, exception_handlers=handlers),
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
        http="h11",
        loop="asyncio",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        yield Address(address.host, listener.getsockname()[1])
    finally:
        server.should_exit = True
        await task


def error_response(error: HeadwaterError, status: int = 0) -> Response:
    """The response that tells an error."""
    body = {
        "reason": error.reason,
        "domain": DOMAIN,
        "message": error.message,
        "field": error.metadata.get("field", ""),
        "metadata": error.metadata,
    }
    response = json_response({"error": body}, status or STATUSES.get(error.reason, 500))
    if error.retry_after is not None:
        response.headers["retry-after"] = str(math.ceil(error.retry_after))
    return response


def json_response(value: object, status: int = 200) -> Response:
    """A response that is a JSON text."""
    return Response(json.dumps(value).encode(), status, media_type="application/json")


async def _tell(_: Request, error: Exception) -> Response:
    assert isinstance(error, HeadwaterError)
    field = error.metadata.get("field")
    response = error_response(error, {"Content-Encoding": 415, "Sec-Fetch-Site": 403}.get(field or "", 0))
    if field == "Content-Encoding":
        response.headers["accept-encoding"] = "gzip"
    if error.reason in ("TOO_LARGE", "OVERLOADED"):
        response.headers["connection"] = "close"  # the rest of its body was not read
    return response


async def _tell_no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        response = error_response(invalid_field("method", f"is {request.method}", "see the Allow header"), 405)
    else:
        response = error_response(not_served(request.url.path), error.status_code)
    response.headers.update(error.headers or {})
    return response
