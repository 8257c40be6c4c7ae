"""What there is to know of datasets and jobs as nodes: their names, and whether they are hidden."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from ...domain.graph_assets import GraphAsset
from ...domain.hiding import hidden_since
from ...domain.model import AssetName
from ..catalog.deletions import get_deletions
from ..catalog.names import get_sets
from ..database import Connection
from .moments import Moment
from .namespaces import Namespaces

_DATASETS = """
SELECT d.dataset_id, d.namespace_id, d.name, d.canonical_id IS NOT NULL,
    EXISTS (SELECT FROM deletions AS x WHERE x.asset_id = d.dataset_id)
FROM datasets AS d WHERE d.dataset_id = ANY($1::bigint[])
"""
_JOBS = """
SELECT j.job_id, j.namespace_id, j.name, false, EXISTS (SELECT FROM deletions AS x WHERE x.asset_id = j.job_id)
FROM jobs AS j WHERE j.job_id = ANY($1::bigint[])
"""
_BOTH = f"{_DATASETS} UNION ALL {_JOBS.replace('$1', '$2')}"
_LAST_MENTIONS = """
SELECT asset_id, max(last_time) FROM statement_assets JOIN statements USING (statement_id)
WHERE asset_id = ANY($1::bigint[]) GROUP BY 1
"""
_MENTIONS_BEFORE = """
SELECT asset_id, max(CASE WHEN last_time <= $2 THEN last_time ELSE first_time END)
FROM statement_assets JOIN statements USING (statement_id)
WHERE asset_id = ANY($1::bigint[]) AND first_time <= $2 GROUP BY 1
UNION ALL
SELECT used.dataset_id, said.time FROM io_set_datasets AS used CROSS JOIN LATERAL (
    (SELECT started_at AS time FROM runs WHERE io_set_id = used.io_set_id AND started_at <= $2
        ORDER BY started_at DESC LIMIT 1)
    UNION ALL
    (SELECT ended_at FROM runs WHERE io_set_id = used.io_set_id AND state = 3 AND ended_at <= $2
        ORDER BY ended_at DESC LIMIT 1)) AS said
WHERE used.dataset_id = ANY($1::bigint[])
UNION ALL
SELECT job.id, said.time FROM unnest($1::bigint[]) AS job (id) CROSS JOIN LATERAL (
    (SELECT started_at AS time FROM runs WHERE job_id = job.id AND started_at <= $2 ORDER BY started_at DESC LIMIT 1)
    UNION ALL
    (SELECT ended_at FROM runs WHERE job_id = job.id AND state = 3 AND io_set_id IS NOT NULL AND ended_at <= $2
        ORDER BY ended_at DESC LIMIT 1)) AS said
"""


async def get_assets(
    connection: Connection, namespaces: Namespaces, datasets: Collection[int], jobs: Collection[int], moment: Moment
) -> dict[int, GraphAsset]:
    """Datasets and jobs by the id asked for; an id among `datasets` may be a job's. Unknown ones are left out."""
    rows = await connection.fetch(_BOTH, list(datasets), list(jobs))
    known_jobs = set(jobs)
    others = set(datasets).difference(row[0] for row in rows)
    if others:
        rows += await connection.fetch(_JOBS, list(others))
        known_jobs |= others
    names = await namespaces.names(connection, {row[1] for row in rows})
    assets = {
        asset: GraphAsset(asset, {asset: AssetName(names[namespace], name)}, asset in known_jobs, is_hidden=False)
        for asset, namespace, name, _, _ in rows
    }
    joined = [row[0] for row in rows if row[3]]
    assets.update(await _get_joined(connection, joined))
    flagged = [*joined, *(row[0] for row in rows if row[4])]
    assets.update(await _hide(connection, {asset: assets[asset] for asset in flagged}, moment))
    return assets


async def _get_joined(connection: Connection, datasets: Collection[int]) -> dict[int, GraphAsset]:
    """Datasets that are in a set with others, each as its set."""
    sets = await get_sets(connection, datasets) if datasets else {}
    return {asked: GraphAsset(one.id, one.names, is_job=False, is_hidden=False) for asked, one in sets.items()}


async def _hide(connection: Connection, assets: Mapping[int, GraphAsset], moment: Moment) -> dict[int, GraphAsset]:
    """Those of the assets that are hidden at a time, as hidden."""
    if not assets:
        return {}
    deletions = await get_deletions(connection, {member for asset in assets.values() for member in asset.names})
    deleted = {asked: asset for asked, asset in assets.items() if any(m in deletions for m in asset.names)}
    if not deleted:
        return {}
    members = list({member for asset in deleted.values() for member in asset.names})
    query = _LAST_MENTIONS if moment.time is None else _MENTIONS_BEFORE
    mentions: dict[int, list[datetime]] = {}
    for asset, time in await connection.fetch(query, members, *moment.arguments):
        mentions.setdefault(asset, []).append(time)
    now = moment.time or datetime.now(UTC)
    return {
        asked: asset._replace(is_hidden=True)
        for asked, asset in deleted.items()
        if hidden_since(
            [deletion for member in asset.names for deletion in deletions.get(member, ())],
            [time for member in asset.names for time in mentions.get(member, ())],
            now,
        )
    }
