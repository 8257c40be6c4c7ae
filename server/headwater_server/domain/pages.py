"""Pages of lists: how many, from where, and the token that goes on from there.

A token is opaque. It holds the place after which the list goes on, and a hash of the request that it was made for.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from .errors import InvalidField, InvalidPageToken

DEFAULT_SIZE = 50
MAX_SIZE = 1000
_HASH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Page:
    """What part of a list is asked for: at most `size` items, after the place `after`; None for the beginning."""

    size: int
    after: tuple[Any, ...] | None
    request: bytes

    def token(self, place: tuple[object, ...] | None) -> str:
        """The token of the page that begins after a place; empty for None, which is the end."""
        if place is None:
            return ""
        packed = msgspec.msgpack.encode(place)
        return base64.urlsafe_b64encode(_sign(self.request, packed) + packed).decode().rstrip("=")


def open_page(page_size: int, page_token: str, place: type[Any], *request: object) -> Page:
    """The page that a request asks for; `place` is the type of places in the list, a tuple.

    `request` is everything else that the request asks for. Raises InvalidField or InvalidPageToken.
    """
    if page_size < 0:
        raise InvalidField("page_size", "must not be negative", "use 0 for the default of 50")
    asked = msgspec.msgpack.encode(request)
    size = min(page_size or DEFAULT_SIZE, MAX_SIZE)
    return Page(size, _read(page_token, asked, place) if page_token else None, asked)


def _read(token: str, request: bytes, place: type[Any]) -> tuple[Any, ...]:
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        if data[:_HASH_BYTES] != _sign(request, data[_HASH_BYTES:]):
            raise InvalidPageToken
        found: tuple[Any, ...] = msgspec.msgpack.decode(data[_HASH_BYTES:], type=place)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise InvalidPageToken from None
    if not all(map(_is_storable, found)):
        raise InvalidPageToken
    return found


def _is_storable(value: object) -> bool:
    """Whether a part of a place can be in the store at all: anyone can make a token of the right types."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if isinstance(value, datetime):
        return value.tzinfo is not None
    return not isinstance(value, str) or "\0" not in value


def _sign(request: bytes, place: bytes) -> bytes:
    """A hash that finds tokens of other requests; no secret, for a token opens nothing that its request does not."""
    return blake2b(request + b"\0" + place, digest_size=_HASH_BYTES).digest()
