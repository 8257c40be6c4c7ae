"""Takes a JSON array of events apart, each byte for byte as it was sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from msgspec import Raw

from ..domain.errors import InvalidField, TooLarge

MAX_EVENTS = 10_000
"""How many events one request may carry."""
MAX_BROKEN_BYTES = 8 << 20
"""How large an array may be that holds something that is no JSON; it is taken apart a hundred times slower."""

_decode = msgspec.json.Decoder(list[Raw]).decode
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_INSIDE = re.compile(rb'(?:[^"\[\]{}]++|%b)*+([\[\]{}])' % _STRING, re.DOTALL)
"""Everything up to the next bracket, inside of an element."""
_BETWEEN = re.compile(rb'(?:[^"\[\]{},]++|%b)*+([\[\]{},])' % _STRING, re.DOTALL)
"""Everything up to the next bracket or comma, between elements."""


def split_batch(body: bytes) -> list[bytes]:
    """The elements of a JSON array; one that is no JSON itself does not harm the others.

    Raises InvalidField or TooLarge.
    """
    try:
        elements = [bytes(element) for element in _decode(body)]
    except (msgspec.DecodeError, RecursionError) as error:
        if not body.lstrip().startswith(b"[") or len(body) > MAX_BROKEN_BYTES:
            raise InvalidField("body", f"is no JSON array ({error})", "send an array of events") from None
        elements = list(_elements(body.strip()))
    if len(elements) > MAX_EVENTS:
        raise TooLarge("body", len(elements), MAX_EVENTS, "events")
    return elements


def _elements(array: bytes) -> Iterator[bytes]:
    """The elements of an array that a parser gave up on, by its brackets, commas and strings alone."""
    depth = start = end = 1
    while depth:
        found = (_INSIDE if depth > 1 else _BETWEEN).match(array, end)
        if found is None:
            raise InvalidField("body", "is no JSON array", "end what was begun")
        mark, end = found[1], found.end()
        depth += (mark in b"[{") - (mark in b"]}")
        if depth == 0 or (depth == 1 and mark == b","):
            yield array[start : end - 1].strip()
            start = end
    if end != len(array):
        raise InvalidField("body", "goes on after its array", "send one array of events")
