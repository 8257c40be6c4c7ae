"""Settles disputed states: those whose run has since said, or become, something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import select

from ...domain.batch import VersionSource
from ...domain.statement import Role
from ...domain.versions import State, first_seen, stated_state
from ..database import Connection
from ..statements import Statement, among
from ..tables import dataset_versions
from .facets import get_contents
from .state_rows import STATE, state_of

_DISPUTED = Statement(select(*STATE).where(among(dataset_versions.c.dataset_id, "ids"), dataset_versions.c.disputed))
_FIRST_WRITES = """
SELECT asked.dataset_id, asked.version_id, first.run_id, first.ended_at
FROM unnest($1::bigint[], $2::bigint[]) AS asked (dataset_id, version_id)
CROSS JOIN LATERAL (
    SELECT run_id, ended_at FROM io_set_datasets AS o JOIN runs USING (io_set_id)
    JOIN version_sets USING (version_set_id)
    WHERE o.dataset_id = asked.dataset_id AND o.role = 2 AND state = 3 AND asked.version_id = ANY(output_versions)
    ORDER BY ended_at, run_id LIMIT 1) AS first
"""
_STATEMENTS = """
SELECT asset_id, role, content_id, min(first_time) FROM statement_assets JOIN statements USING (statement_id)
WHERE asset_id = ANY($1::bigint[]) AND role IN (1, 3) GROUP BY 1, 2, 3
"""


async def settle_disputed(connection: Connection, datasets: Iterable[int]) -> list[State]:
    """The disputed states of datasets that somebody still states, as they are first stated now."""
    disputed = [state_of(row) for row in await _DISPUTED.fetch(connection, ids=list(datasets))]
    if not disputed:
        return []
    sightings = await _writes(connection, disputed) + await _stated(connection, {state.dataset for state in disputed})
    settled = (
        first_seen(s for s in sightings if (s.dataset, s.version) == (state.dataset, state.version))
        for state in disputed
    )
    return [state for state in settled if state]


async def _writes(connection: Connection, disputed: Sequence[State]) -> list[State]:
    by_id = {(state.dataset, state.version): state for state in disputed}
    rows = await connection.fetch(_FIRST_WRITES, [key[0] for key in by_id], [key[1] for key in by_id])
    return [
        replace(by_id[dataset, version], run=run, time=time, source=VersionSource.RUN)
        for dataset, version, run, time in rows
    ]


async def _stated(connection: Connection, datasets: Iterable[int]) -> list[State]:
    rows = await connection.fetch(_STATEMENTS, list(datasets))
    contents = await get_contents(connection, {row[2] for row in rows})
    sources = {Role.INPUT: VersionSource.READER, Role.SUBJECT: VersionSource.DATASET_EVENT}
    states = (
        stated_state(dataset, contents.get(content, {}), time, sources[Role(role)])
        for dataset, role, content, time in rows
    )
    return [state for state in states if state]
