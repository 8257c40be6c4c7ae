"""Reads and writes what is declared of pipelines."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ...domain import ids
from ...domain.pipelines import Criticality, JobDeclaration, PipelineName, PipelineSpec, StoredPipeline
from ..database import Connection, Record

_COLUMNS = (
    "namespace, name, uid, generation, description, owner, criticality, declarations, successful_percent,"
    " retention_days, sampled_out_count, create_time, update_time, end_time"
)
_GET = f"SELECT {_COLUMNS} FROM pipelines WHERE pipeline_id = $1"
_LIST = f"""
SELECT {_COLUMNS} FROM pipelines
WHERE (namespace, name) > ($1, $2) AND {{condition}} AND ($3 OR end_time IS NULL) ORDER BY namespace, name LIMIT $4
"""
_PUT = """
INSERT INTO pipelines AS known (
    pipeline_id, namespace, name, uid, generation, description, owner, criticality, declarations, successful_percent,
    retention_days, create_time, update_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
ON CONFLICT (namespace, name) DO UPDATE SET
    (uid, generation, description, owner, criticality, declarations, successful_percent, retention_days, update_time) =
    (excluded.uid, excluded.generation, excluded.description, excluded.owner, excluded.criticality,
     excluded.declarations, excluded.successful_percent, excluded.retention_days, excluded.update_time),
    end_time = NULL
WHERE (known.uid <> excluded.uid OR known.generation <= excluded.generation)
AND (known.uid, known.generation, known.description, known.owner, known.criticality, known.declarations,
     known.successful_percent, known.retention_days, known.end_time)
    IS DISTINCT FROM
    (excluded.uid, excluded.generation, excluded.description, excluded.owner, excluded.criticality,
     excluded.declarations, excluded.successful_percent, excluded.retention_days, NULL)
"""
_END = """
UPDATE pipelines SET end_time = $3, update_time = $3
WHERE pipeline_id = $1 AND $2 IN ('', uid) AND end_time IS NULL
"""

_decode_declarations = msgspec.msgpack.Decoder(tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...])


def pipeline_id(name: PipelineName) -> int:
    """The id of a pipeline."""
    return ids.hash64(b"pipeline", name.namespace.encode(), name.name.encode())


async def get_pipeline(connection: Connection, name: PipelineName) -> StoredPipeline | None:
    """A pipeline; None where it is not known."""
    row = await connection.fetchrow(_GET, pipeline_id(name))
    return _stored(row) if row else None


async def list_pipelines(
    connection: Connection, namespace: str | None, after: PipelineName | None, limit: int, *, show_ended: bool
) -> list[StoredPipeline]:
    """Pipelines past a place, in the order of their names."""
    place = after or PipelineName(namespace or "", "")
    arguments: list[object] = [*place, show_ended, limit]
    if namespace is not None:
        arguments.append(namespace)
    condition = "true" if namespace is None else "namespace = $5"
    return [_stored(row) for row in await connection.fetch(_LIST.format(condition=condition), *arguments)]


async def put_pipeline(connection: Connection, spec: PipelineSpec, now: datetime) -> None:
    """Writes what is declared of a pipeline, unless a greater generation of the same resource is there."""
    declarations = [(each.job, each.inputs, each.outputs) for each in spec.declarations]
    await connection.execute(
        _PUT,
        pipeline_id(spec.name),
        *spec.name,
        spec.uid,
        spec.generation,
        spec.description,
        spec.owner,
        spec.criticality,
        msgspec.msgpack.encode(declarations),
        spec.successful_percent,
        spec.retention_days,
        now,
    )


async def end_pipeline(connection: Connection, name: PipelineName, uid: str, now: datetime) -> None:
    """Writes that a pipeline's resource is gone, where it has this UID or the UID is empty."""
    await connection.execute(_END, pipeline_id(name), uid, now)


def _stored(row: Record) -> StoredPipeline:
    namespace, name, uid, generation, description, owner, criticality, declarations, percent, days, *rest = row
    spec = PipelineSpec(
        name=PipelineName(namespace, name),
        uid=uid,
        generation=generation,
        description=description,
        owner=owner,
        criticality=Criticality(criticality),
        declarations=tuple(JobDeclaration(*each) for each in _decode_declarations.decode(declarations)),
        successful_percent=percent,
        retention_days=days,
    )
    return StoredPipeline(spec, *rest)
