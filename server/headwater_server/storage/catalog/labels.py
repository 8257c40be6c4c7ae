"""Finds datasets by the URIs that name their versions."""

from __future__ import annotations

from ..database import Connection

_BY_URI = """
SELECT DISTINCT dataset_id FROM dataset_versions WHERE label = $1 AND label LIKE '%://%' AND source <> 3 LIMIT $2
"""


async def find_by_uri(connection: Connection, uri: str, limit: int) -> list[int]:
    """The ids of datasets that may have a version that its producer named by a URI."""
    return [row[0] for row in await connection.fetch(_BY_URI, uri, limit)]
