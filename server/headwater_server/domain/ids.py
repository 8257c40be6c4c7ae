"""Ids: deterministic hashes of names, the same in every process and on every engine.

A 64-bit id is a signed integer, as PostgreSQL's bigint is. What is hashed starts with a word for its kind, so a dataset
and a job of one name have different ids.
"""

from __future__ import annotations

import uuid
from functools import lru_cache
from hashlib import blake2b

FOREIGN_RUN_ID = uuid.UUID("6ad1f0f4-5a0e-5f0b-9d4c-0f3c3b1f7a11")
"""The UUIDv5 namespace of run ids that are no UUIDs."""


REMEMBERED = 16_384
"""How many ids of a kind are remembered; names come again and again."""


def hash64(*parts: bytes) -> int:
    """The signed 64-bit hash of parts; their borders count."""
    digest = blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return int.from_bytes(digest.digest(), "big", signed=True)


def namespace_id(namespace: str) -> int:
    """The id of a namespace."""
    return hash64(b"namespace", namespace.encode())


@lru_cache(maxsize=REMEMBERED)
def dataset_id(namespace: str, name: str) -> int:
    """The id of a dataset."""
    return hash64(b"dataset", namespace.encode(), name.encode())


@lru_cache(maxsize=REMEMBERED)
def job_id(namespace: str, name: str) -> int:
    """The id of a job."""
    return hash64(b"job", namespace.encode(), name.encode())


@lru_cache(maxsize=REMEMBERED)
def field_id(dataset: int, path: str) -> int:
    """The id of a field of a dataset; the empty path stands for the dataset as a whole."""
    return hash64(b"field", _packed(dataset), path.encode())


@lru_cache(maxsize=REMEMBERED)
def version_id(dataset: int, schema: int | None, label: str | None) -> int:
    """The id of a dataset's state: its schema's id and the version its producer named, either may be missing."""
    return hash64(
        b"version",
        _packed(dataset),
        b"" if schema is None else _packed(schema),
        b"" if label is None else b"=" + label.encode(),
    )


def run_version_id(dataset: int, run: uuid.UUID) -> int:
    """The id of the version that a run's write makes of a MODEL."""
    return hash64(b"run-version", _packed(dataset), run.bytes)


def run_uuid(given: str) -> uuid.UUID:
    """The UUID of a run: the id that its producer gave where that is one, else one made of it."""
    return run_ids(given)[0]


@lru_cache(maxsize=REMEMBERED)
def run_ids(given: str) -> tuple[uuid.UUID, str | None]:
    """The UUID of a run and, where the id that its producer gave is none, that id."""
    try:
        found = uuid.UUID(given)
    except ValueError:
        return uuid.uuid5(FOREIGN_RUN_ID, given), given
    return found, None if given.lower() == str(found) else given


def event_id(identity: bytes) -> int:
    """The id under which an event is filed among those of its subject and time: the first half of its identity."""
    return int.from_bytes(identity[:8], "big", signed=True)


def half_identity(event: int) -> bytes:
    """The first half of the identity of an event with this id."""
    return _packed(event)


def subject_uuid(asset: int) -> uuid.UUID:
    """The UUID under which the events of a dataset or a job without a run are filed."""
    return uuid.UUID(bytes=b"headwtr\0" + _packed(asset))


def _packed(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)
