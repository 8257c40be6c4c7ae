"""Takes a JSON array of events apart, each byte for byte as it was sent."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from headwater.event_arrays import BrokenArray, broken_array_elements

from ..domain.errors import InvalidField, TooLarge

MAX_EVENTS = 10_000
"""How many events one request may carry."""
MAX_BROKEN_BYTES = 8 << 20
"""How large an array may be that holds something that is no JSON; it is taken apart a hundred times slower."""

_decode = msgspec.json.Decoder(list[Raw]).decode


def split_batch(body: bytes) -> list[bytes]:
    """The elements of a JSON array; one that is no JSON itself does not harm the others.

    Raises InvalidField or TooLarge.
    """
    try:
        elements = [bytes(element) for element in _decode(body)]
    except (msgspec.DecodeError, RecursionError) as error:
        if not body.lstrip().startswith(b"[") or len(body) > MAX_BROKEN_BYTES:
            raise InvalidField("body", f"is no JSON array ({error})", "send an array of events") from None
        elements = _broken_elements(body.strip())
    if len(elements) > MAX_EVENTS:
        raise TooLarge("body", len(elements), MAX_EVENTS, "events")
    return elements


def _broken_elements(array: bytes) -> list[bytes]:
    try:
        return list(broken_array_elements(array))
    except BrokenArray as error:
        raise InvalidField("body", error.problem, error.remedy) from None
