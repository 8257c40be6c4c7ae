"""Whether datasets have fields: in links between fields, or in any schema that they ever had."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from sqlalchemy import select

from ..catalog import names
from ..compression import decompress
from ..database import Connection
from ..statements import Statement, among, constant
from ..tables import dataset_versions, schemas

MAX_SCHEMAS = 200
"""How many schemas of a dataset are searched, the last ones first."""

_LAST = (
    select(dataset_versions.c.schema_id)
    .where(among(dataset_versions.c.dataset_id, "members"), dataset_versions.c.schema_id.is_not(None))
    .order_by(dataset_versions.c.first_time.desc())
    .limit(constant(MAX_SCHEMAS))
)
_SCHEMAS = Statement(select(schemas.c.body).where(schemas.c.schema_id.in_(_LAST)))
_decoder = msgspec.msgpack.Decoder(list[tuple[str, str, str, int]])


async def has_field(connection: Connection, datasets: Collection[int], path: str) -> bool:
    """Whether a dataset, given by the ids of all of its names, has or ever had a field."""
    if await names.has_field(connection, datasets, path):
        return True
    rows = await _SCHEMAS.fetch(connection, members=list(datasets))
    return any(field[0] == path for row in rows for field in _decoder.decode(decompress(row[0])))
