"""Whether datasets have fields: in links between fields, or in any schema that they ever had."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ..catalog import names
from ..compression import decompress
from ..database import Connection

MAX_SCHEMAS = 200
"""How many schemas of a dataset are searched, the last ones first."""

_SCHEMAS = f"""
SELECT body FROM schemas WHERE schema_id IN (
    SELECT schema_id FROM dataset_versions WHERE dataset_id = ANY($1::bigint[]) AND schema_id IS NOT NULL
    ORDER BY first_time DESC LIMIT {MAX_SCHEMAS})
"""
_decoder = msgspec.msgpack.Decoder(list[tuple[str, str, str, int]])


async def has_field(connection: Connection, datasets: Collection[int], path: str) -> bool:
    """Whether a dataset, given by the ids of all of its names, has or ever had a field."""
    if await names.has_field(connection, datasets, path):
        return True
    rows = await connection.fetch(_SCHEMAS, list(datasets))
    return any(field[0] == path for row in rows for field in _decoder.decode(decompress(row[0])))
