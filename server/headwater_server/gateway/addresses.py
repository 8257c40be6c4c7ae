"""Addresses in the paths of requests, where people write them as they read them, or percent-encoded."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.requests import Request

from headwater.names import InvalidName, parse_name

from ..domain.errors import InvalidField

PREFIX_SEGMENTS = 4
"""How many slashes come before the address: `/api/v1/show/ADDRESS`."""


def address_in(request: Request) -> str:
    """The address at the end of the path.

    The path is read as it was sent: decoded, `a%2Fb/c` could not be told from `a/b/c`. A resource name is
    percent-encoded by itself and is taken as it is; anything else is decoded once. Raises InvalidField.
    """
    path: bytes = request.scope["raw_path"]
    raw = path.decode("ascii", errors="replace").split("/", PREFIX_SEGMENTS)[-1]
    try:
        parse_name(raw)
    except InvalidName:
        try:
            return unquote(raw, errors="strict")
        except UnicodeDecodeError:
            raise InvalidField("address", "is not UTF-8", "percent-encode its UTF-8 bytes") from None
    return raw
