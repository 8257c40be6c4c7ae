"""Reads and writes workloads, and tells whether they have lineage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...domain import ids
from ...domain.model import AssetName
from ...domain.pipelines import (
    Completeness,
    PipelineName,
    SeenWorkload,
    Workload,
    WorkloadPlace,
    WorkloadQuery,
)
from ..database import Connection
from .pipelines import pipeline_id

LAST_RUNS = 20
"""How many of a workload's last runs are searched for one that has lineage."""

HAS_LINEAGE = f"""
EXISTS (
    SELECT FROM (
        SELECT run_id, io_set_id FROM runs WHERE runs.job_id = workload.job_id
        ORDER BY started_at DESC LIMIT {LAST_RUNS}) AS run
    LEFT JOIN run_reports AS report USING (run_id)
    WHERE report.reported OR (run.io_set_id IS NOT NULL AND report.declared IS NOT TRUE))
"""
"""That a run of a workload, or a descendant of one, read or wrote a dataset that was not declared."""
_COMPLETENESS = f"""
SELECT pipeline_id, kind, count(*), count(*) FILTER (WHERE {HAS_LINEAGE})
FROM workloads AS workload WHERE pipeline_id = ANY($1::bigint[]) GROUP BY pipeline_id, kind ORDER BY pipeline_id, kind
"""
_LATEST_JOBS = """
SELECT DISTINCT ON (pipeline_id) pipeline_id, workload.job_id
FROM workloads AS workload
CROSS JOIN LATERAL (
    SELECT started_at, run_id FROM runs WHERE job_id = workload.job_id ORDER BY started_at DESC LIMIT 1) AS latest
WHERE pipeline_id = ANY($1::bigint[])
ORDER BY pipeline_id, latest.started_at DESC, latest.run_id DESC
"""
_LIST = f"""
SELECT workload.*, has_lineage FROM (
    SELECT * FROM workloads
    WHERE (namespace, kind, job_namespace, job_name) > ($1, $2, $3, $4) AND {{condition}}
    ORDER BY namespace, kind, job_namespace, job_name OFFSET 0) AS workload
CROSS JOIN LATERAL (SELECT {HAS_LINEAGE} AS has_lineage OFFSET 0) AS lineage
{{filter}} ORDER BY namespace, kind, job_namespace, job_name LIMIT $5
"""
_DELETE = """
DELETE FROM workloads WHERE namespace = $1 AND NOT EXISTS (
    SELECT FROM unnest($2::text[], $3::bigint[]) AS kept (kind, job_id)
    WHERE kept.kind = workloads.kind AND kept.job_id = workloads.job_id)
"""
_PUT = """
INSERT INTO workloads AS known
    (namespace, kind, job_id, job_namespace, job_name, pipeline_id, pipeline_name, change_time)
SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::timestamptz[])
ON CONFLICT (namespace, kind, job_id) DO UPDATE SET
    (pipeline_id, pipeline_name, change_time) =
    (excluded.pipeline_id, excluded.pipeline_name, excluded.change_time)
WHERE (known.pipeline_id, known.change_time) IS DISTINCT FROM (excluded.pipeline_id, excluded.change_time)
"""


async def replace_workloads(connection: Connection, namespace: str, workloads: Sequence[Workload]) -> None:
    """Replaces the workloads of a namespace; the transactions that do so for one namespace wait for each other."""
    lock = f"workloads {ids.namespace_id(namespace)}"
    await connection.execute("INSERT INTO locks VALUES ($1) ON CONFLICT DO NOTHING", lock)
    await connection.execute("SELECT FROM locks WHERE lock = $1 FOR UPDATE", lock)
    rows = [_row(namespace, workload) for workload in workloads]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(7)]
    await connection.execute(_DELETE, namespace, columns[0], columns[1])
    await connection.execute(_PUT, namespace, *columns)


async def list_workloads(
    connection: Connection, query: WorkloadQuery, after: WorkloadPlace | None, limit: int
) -> list[SeenWorkload]:
    """Workloads past a place, in order."""
    conditions = ["true"]
    values: list[object] = []
    if query.namespace is not None:
        values.append(query.namespace)
        conditions.append(f"namespace = ${5 + len(values)}")
    if query.pipeline is not None:
        values.append(pipeline_id(query.pipeline))
        conditions.append(f"pipeline_id = ${5 + len(values)}")
    if query.uncovered:
        conditions.append("pipeline_id IS NULL")
    text = _LIST.format(
        condition=" AND ".join(conditions),
        filter="WHERE NOT has_lineage" if query.without_lineage else "",
    )
    rows = await connection.fetch(text, *(after or WorkloadPlace("", "", "", "")), limit, *values)
    return [
        SeenWorkload(
            row["namespace"],
            Workload(
                row["kind"], AssetName(row["job_namespace"], row["job_name"]), row["pipeline_name"], row["change_time"]
            ),
            row["has_lineage"],
        )
        for row in rows
    ]


async def get_completeness(connection: Connection, pipelines: Iterable[int]) -> dict[int, list[Completeness]]:
    """How complete pipelines are, by their ids, in the order of the kinds."""
    found: dict[int, list[Completeness]] = {}
    for pipeline, *counted in await connection.fetch(_COMPLETENESS, list(pipelines)):
        found.setdefault(pipeline, []).append(Completeness(*counted))
    return found


async def get_latest_jobs(connection: Connection, pipelines: Iterable[int]) -> Mapping[int, int]:
    """The job of which a run started last, of each pipeline that has run, by the pipelines' ids."""
    rows = await connection.fetch(_LATEST_JOBS, list(pipelines))
    return {row[0]: row[1] for row in rows}


def _row(namespace: str, workload: Workload) -> tuple[object, ...]:
    name = workload.pipeline
    return (
        workload.kind,
        ids.job_id(*workload.job),
        workload.job.namespace,
        workload.job.name,
        None if name is None else pipeline_id(PipelineName(namespace, name)),
        name,
        workload.changed,
    )
