"""Finds datasets, jobs and namespaces by id and by name."""

from __future__ import annotations

from collections.abc import Iterable

from ...domain import ids
from ...domain.catalog import AssetType, Namespace
from ...domain.catalog_places import DatasetSet, JobPlace, NamePlace
from ...domain.model import AssetName
from ...domain.search import JOB_TERMS, TermKind, tail_of
from ..database import Connection

_SETS = """
SELECT asked.dataset_id, shown.id, member.dataset_id, namespace, member.name
FROM datasets AS asked
CROSS JOIN LATERAL (SELECT COALESCE(asked.canonical_id, asked.dataset_id) AS id) AS shown
CROSS JOIN LATERAL (
    SELECT dataset_id, namespace_id, name FROM datasets WHERE dataset_id = shown.id
    UNION ALL
    SELECT dataset_id, namespace_id, name FROM datasets WHERE canonical_id = shown.id AND dataset_id <> shown.id
) AS member
JOIN namespaces ON namespaces.namespace_id = member.namespace_id
WHERE asked.dataset_id = ANY($1::bigint[])
"""
_SHOWN_NAMES = """
SELECT asked.dataset_id, namespace, shown.name
FROM datasets AS asked
JOIN datasets AS shown ON shown.dataset_id = COALESCE(asked.canonical_id, asked.dataset_id)
JOIN namespaces ON namespaces.namespace_id = shown.namespace_id
WHERE asked.dataset_id = ANY($1::bigint[])
"""
_JOB_NAMES = """
SELECT job_id, namespace, name FROM jobs JOIN namespaces USING (namespace_id) WHERE job_id = ANY($1::bigint[])
"""
_BY_TAIL = """
SELECT {key} FROM terms JOIN {table} ON {key} = asset_id
WHERE kind = $1 AND term = $2 AND right(name, length($3::text) + 1) IN ('.' || $3, '/' || $3) LIMIT $4
"""
_COUNT_DATASETS = """
SELECT namespace_id, count(*) FROM datasets WHERE namespace_id = ANY($1::bigint[])
AND (canonical_id IS NULL OR canonical_id = dataset_id) GROUP BY namespace_id
"""
_COUNT_JOBS = "SELECT namespace_id, count(*) FROM jobs WHERE namespace_id = ANY($1::bigint[]) GROUP BY namespace_id"
_LIST_DATASETS = """
SELECT name, dataset_id FROM datasets WHERE {condition} (name, dataset_id) > ($1, $2)
AND (canonical_id IS NULL OR canonical_id = dataset_id) ORDER BY name, dataset_id LIMIT $3
"""
_LIST_JOBS = "SELECT name, job_id FROM jobs WHERE {condition} (name, job_id) > ($1, $2) ORDER BY name, job_id LIMIT $3"


async def get_sets(connection: Connection, datasets: Iterable[int]) -> dict[int, DatasetSet]:
    """The sets that datasets are in, by the id that was asked for; unknown ones are left out."""
    shown: dict[int, int] = {}
    names: dict[int, dict[int, AssetName]] = {}
    for asked, canonical, member, namespace, name in await connection.fetch(_SETS, list(set(datasets))):
        shown[asked] = canonical
        names.setdefault(canonical, {})[member] = AssetName(namespace, name)
    sets = {canonical: DatasetSet(canonical, found[canonical], found) for canonical, found in names.items()}
    return {asked: sets[canonical] for asked, canonical in shown.items()}


async def get_shown_names(connection: Connection, datasets: Iterable[int]) -> dict[int, AssetName]:
    """The names that datasets are shown under, by id."""
    rows = await connection.fetch(_SHOWN_NAMES, list(set(datasets)))
    return {row[0]: AssetName(row[1], row[2]) for row in rows}


async def get_jobs(connection: Connection, jobs: Iterable[int]) -> dict[int, JobPlace]:
    """Jobs by id; unknown ones are left out."""
    rows = await connection.fetch(_JOB_NAMES, list(set(jobs)))
    return {row[0]: JobPlace(row[0], AssetName(row[1], row[2])) for row in rows}


async def find_by_bare_name(connection: Connection, name: str, limit: int) -> tuple[list[int], list[int]]:
    """The ids of datasets and of jobs that have a name, in any namespace; at most so many of each.

    Where none has it, those whose name ends with it behind a dot or a slash.
    """
    datasets = await connection.fetch("SELECT dataset_id FROM datasets WHERE name = $1 LIMIT $2", name, limit)
    jobs = await connection.fetch("SELECT job_id FROM jobs WHERE name = $1 LIMIT $2", name, limit)
    if not datasets and not jobs:
        tail = (tail_of(name), name, limit)
        by_tail = _BY_TAIL.format(table="datasets", key="dataset_id")
        datasets = await connection.fetch(by_tail, TermKind.TAIL, *tail)
        jobs = await connection.fetch(_BY_TAIL.format(table="jobs", key="job_id"), TermKind.TAIL + JOB_TERMS, *tail)
    return [row[0] for row in datasets], [row[0] for row in jobs]


async def list_namespaces(connection: Connection, after: str, limit: int) -> list[Namespace]:
    """Namespaces in the order of their names."""
    rows = await connection.fetch(
        "SELECT namespace FROM namespaces WHERE namespace > $1 ORDER BY namespace LIMIT $2", after, limit
    )
    return await _count(connection, [row[0] for row in rows])


async def get_namespace(connection: Connection, name: str) -> Namespace | None:
    """A namespace by its name; None where it is not known."""
    found = await _count(connection, [name] if await has_namespace(connection, name) else [])
    return found[0] if found else None


async def has_namespace(connection: Connection, name: str) -> bool:
    """Whether a namespace is known."""
    key = ids.namespace_id(name)
    return await connection.fetchval("SELECT namespace_id FROM namespaces WHERE namespace_id = $1", key) is not None


async def list_places(
    connection: Connection, asset: AssetType, namespace: str | None, after: NamePlace, limit: int
) -> list[NamePlace]:
    """Where the datasets or jobs of a namespace, or of all, stand in the order of names; each set of datasets once."""
    query = _LIST_DATASETS if asset is AssetType.DATASET else _LIST_JOBS
    arguments: list[object] = [after.name, after.id, limit]
    if namespace is not None:
        arguments.append(ids.namespace_id(namespace))
    condition = "" if namespace is None else "namespace_id = $4 AND"
    rows = await connection.fetch(query.format(condition=condition), *arguments)
    return [NamePlace(row[0], asset, row[1]) for row in rows]


async def has_field(connection: Connection, datasets: Iterable[int], path: str) -> bool:
    """Whether field links speak of a field of one of the datasets."""
    is_known: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM fields WHERE dataset_id = ANY($1::bigint[]) AND path = $2)", list(datasets), path
    )
    return is_known


async def _count(connection: Connection, namespaces: list[str]) -> list[Namespace]:
    """Namespaces with what is in them."""
    keys = [ids.namespace_id(name) for name in namespaces]
    datasets = {row[0]: row[1] for row in await connection.fetch(_COUNT_DATASETS, keys)}
    jobs = {row[0]: row[1] for row in await connection.fetch(_COUNT_JOBS, keys)}
    return [Namespace(name, datasets.get(k, 0), jobs.get(k, 0)) for name, k in zip(namespaces, keys, strict=True)]
