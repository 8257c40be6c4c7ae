"""How an error of the domain is told over HTTP: a status code, and reason, domain and metadata in the body."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headwater.errors import DOMAIN

from ..domain.errors import HeadwaterError, InvalidField, MissingCredential, NotFound, Unauthenticated
from .bodies import BodyTooLarge, OtherSite, UnknownEncoding

STATUSES = {
    "INVALID_FIELD": 400,
    "INVALID_EVENT": 400,
    "TOO_LARGE": 413,
    "TOO_OLD": 400,
    "NOT_FOUND": 404,
    "AMBIGUOUS_ADDRESS": 400,
    "INVALID_PAGE_TOKEN": 400,
    "OVERLOADED": 503,
    "SHUTTING_DOWN": 503,
    "STORE_UNAVAILABLE": 503,
    "QUERY_TIMEOUT": 504,
    "UNKNOWN_METHOD": 404,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "KEYS_UNAVAILABLE": 503,
    "ID_COLLISION": 500,
    "INTERNAL": 500,
}
"""The status of each reason. Back-pressure is 503 and not 429, which OpenLineage's clients do not try again."""
SPECIAL_STATUSES: Mapping[type[HeadwaterError], int] = {UnknownEncoding: 415, OtherSite: 403}
"""The status of errors for which HTTP has a better word than their reason's."""


class NoRoute(NotFound):
    """Nothing is served under a path."""

    def __init__(self, path: str) -> None:
        HeadwaterError.__init__(self, f"{path} is not served here: correct the path", resource=path)


def to_response(error: HeadwaterError, status: int | None = None) -> Response:
    """The response that tells the error; `status` where HTTP has a better word for it than the reason's."""
    body = {
        "reason": error.reason,
        "domain": DOMAIN,
        "message": error.message,
        "field": error.metadata.get("field", ""),
        "metadata": error.metadata,
    }
    response = json_response(msgspec.json.encode({"error": body}), status or STATUSES[error.reason])
    retry_after: float | None = getattr(error, "retry_after_seconds", None)
    if retry_after is not None:
        response.headers["retry-after"] = str(math.ceil(retry_after))
    return response


def json_response(text: bytes, status: int = 200) -> Response:
    """A response that is a JSON text."""
    return Response(text, status, media_type="application/json")


async def tell_error(_: Request, error: Exception) -> Response:
    """Answers a request that a HeadwaterError ended."""
    assert isinstance(error, HeadwaterError)
    response = to_response(error, SPECIAL_STATUSES.get(type(error)))
    if isinstance(error, Unauthenticated):
        problem = "" if isinstance(error, MissingCredential) else ', error="invalid_token"'
        response.headers["www-authenticate"] = f'Bearer realm="headwater"{problem}'  # after RFC 6750, section 3
    if isinstance(error, UnknownEncoding):
        response.headers["accept-encoding"] = "gzip"
    if isinstance(error, BodyTooLarge):
        response.headers["connection"] = "close"  # there may be no end to it
    return response


async def tell_no_route(request: Request, error: Exception) -> Response:
    """Answers a request that no route takes."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        response = to_response(InvalidField("method", f"is {request.method}", "see the Allow header"), 405)
    else:
        response = to_response(NoRoute(request.url.path), error.status_code)
    response.headers.update(error.headers or {})
    return response
