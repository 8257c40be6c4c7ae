"""What to do when an answer took too long: it depends on what was asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from google.protobuf.message import Message

from ..domain.errors import QueryTimeout

REMEDIES = {
    "traversal": "ask for a smaller max_depth or max_nodes",
    "times": "ask for a smaller max_depth or max_nodes",
    "query": "ask for more exact words, or a smaller page_size",
    "page_size": "ask for a smaller page_size",
}
"""The way out, by a field that the request can have; the first one that it has counts."""


@contextlib.contextmanager
def fitting_timeouts(request: Message) -> Iterator[None]:
    """Gives a QueryTimeout inside of the block the way out that fits the request."""
    try:
        yield
    except QueryTimeout as error:
        known = request.DESCRIPTOR.fields_by_name
        remedy = next((remedy for field, remedy in REMEDIES.items() if field in known), None)
        if remedy is None:
            raise
        raise QueryTimeout(error.seconds, remedy) from error
