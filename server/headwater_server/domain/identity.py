"""The identity of an event: a hash of its JSON value, whatever the order of its keys and the white space between them.

It is a hash of hashes, so that a part that is known by its bytes need not be read again. The canonical text of a JSON
value has its keys in order and no white space; 16 zero bytes stand for the hash of what is missing. An event's identity
is the hash of these, one after the other:

- the hash of `run`, which is that of two: the hash of the canonical text of its `facets`, and the canonical text of the
  object of its other members;
- the hash of `inputs`, which is that of two for each element: the hash of the canonical text of the object of its
  `namespace`, `name` and `facets`, and the canonical text of the object of its other members;
- the hash of `outputs`, likewise;
- the hash of the canonical text of the object of all other members of the event but `eventTime`;
- the canonical text of `eventTime`.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import msgspec
from msgspec import Raw

MISSING = bytes(16)
"""Stands for the hash of what is not there."""
EMPTY = b"{}"
"""The canonical text of an object without members."""


def hash_of(data: bytes) -> bytes:
    """The 16 bytes that stand for data."""
    return blake2b(data, digest_size=16).digest()


def canonical(json: bytes | Raw) -> bytes:
    """The canonical text of a JSON value. Raises msgspec.DecodeError, UnicodeError or RecursionError."""
    return msgspec.json.encode(msgspec.json.decode(json), order="sorted")


def canonical_object(members: Mapping[str, Raw]) -> bytes:
    """The canonical text of an object of these members. Raises what `canonical` does."""
    values = {name: msgspec.json.decode(value) for name, value in members.items()}
    return msgspec.json.encode(values, order="sorted")
