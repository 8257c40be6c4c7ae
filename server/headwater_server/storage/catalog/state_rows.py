"""The rows of `dataset_versions`: the states that datasets were in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...domain.batch import VersionSource
from ...domain.versions import State
from ..database import Connection
from ..tables import dataset_versions

STATE = (
    dataset_versions.c.dataset_id,
    dataset_versions.c.version_id,
    dataset_versions.c.schema_id,
    dataset_versions.c.label,
    dataset_versions.c.first_time,
    dataset_versions.c.run_id,
    dataset_versions.c.source,
)
"""The columns of a state."""
COLUMNS = ", ".join(column.name for column in STATE)
"""The same as text."""

_GET = f"""
SELECT {COLUMNS} FROM unnest($1::bigint[], $2::bigint[]) AS asked (dataset_id, version_id)
JOIN dataset_versions USING (dataset_id, version_id)
"""


def state_of(row: Iterable[Any]) -> State:
    """A row in the order of `STATE`."""
    dataset, version, schema, label, time, run, source = row
    return State(dataset, version, schema, label, time, run, VersionSource(source))


async def get_states(connection: Connection, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], State]:
    """States by the dataset that they were stated of and the version; disputed ones as they were first seen."""
    asked = list(set(pairs))
    if not asked:
        return {}
    rows = await connection.fetch(_GET, [pair[0] for pair in asked], [pair[1] for pair in asked])
    return {(row[0], row[1]): state_of(row) for row in rows}
