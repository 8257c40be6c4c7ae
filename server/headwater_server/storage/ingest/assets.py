"""Writes the names that events speak of: namespaces, datasets, jobs, and who sent them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from ...domain import ids
from ...domain.errors import IdCollision
from ...domain.job_links import Head
from ...domain.model import AssetName
from ...domain.search import name_terms
from ..database import Connection
from .rows import InsertMissing, KnownRows

NAMESPACES = InsertMissing("namespaces", {"namespace_id": "bigint", "namespace": "text"})
DATASETS = InsertMissing("datasets", {"dataset_id": "bigint", "namespace_id": "bigint", "name": "text"})
JOBS = InsertMissing("jobs", {"job_id": "bigint", "namespace_id": "bigint", "name": "text"})
SENDERS = InsertMissing("senders", {"sender_id": "bigint", "sender": "text"})
TERMS = InsertMissing("terms", {"kind": "smallint", "term": "text", "asset_id": "bigint"}, keys=3)


async def add_names(
    connection: Connection, known: KnownRows, datasets: Mapping[int, AssetName], jobs: Mapping[int, AssetName]
) -> None:
    """Writes names that are new. Raises IdCollision where an id has another name already."""
    new_datasets = known.missing("datasets", datasets)
    new_jobs = known.missing("jobs", jobs)
    names = [datasets[key] for key in new_datasets] + [jobs[key] for key in new_jobs]
    spaces = {ids.namespace_id(name.namespace): name.namespace for name in names}
    new_spaces = known.missing("namespaces", spaces)
    await NAMESPACES.run(connection, [(key, spaces[key]) for key in new_spaces])
    await _add(connection, DATASETS, {key: datasets[key] for key in new_datasets})
    await _add(connection, JOBS, {key: jobs[key] for key in new_jobs})
    terms = [(kind, text, key) for key in new_datasets for kind, text in name_terms(datasets[key])]
    terms += [(kind, text, key) for key in new_jobs for kind, text in name_terms(jobs[key], is_job=True)]
    await TERMS.run(connection, terms)


async def add_sender(connection: Connection, known: KnownRows, sender: str) -> int:
    """Writes who sent events; the id."""
    sender_id = ids.hash64(b"sender", sender.encode())
    if known.missing("senders", [sender_id]):
        await SENDERS.run(connection, [(sender_id, sender)])
    return sender_id


async def lock_jobs(connection: Connection, jobs: Iterable[int]) -> dict[int, Head | None]:
    """Locks jobs until the transaction ends, so that one transaction at a time changes their runs; their heads."""
    rows = await connection.fetch(
        "SELECT job_id, head_io_set_id, head_since FROM jobs WHERE job_id = ANY($1::bigint[])"
        " ORDER BY job_id FOR NO KEY UPDATE",
        sorted(jobs),
    )
    return {row[0]: None if row[2] is None else Head(row[1], row[2]) for row in rows}


async def set_heads(connection: Connection, heads: Mapping[int, Head]) -> None:
    """Writes the heads of jobs."""
    rows: list[tuple[int, int | None, datetime]] = [(job, head.io_set, head.since) for job, head in heads.items()]
    if rows:
        await connection.execute(
            "UPDATE jobs SET head_io_set_id = new.io_set_id, head_since = new.since"
            " FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS new (job_id, io_set_id, since)"
            " WHERE jobs.job_id = new.job_id",
            *map(list, zip(*rows, strict=True)),
        )


async def _add(connection: Connection, insert: InsertMissing, names: Mapping[int, AssetName]) -> None:
    if not names:
        return
    await insert.run(connection, [(key, ids.namespace_id(n.namespace), n.name) for key, n in names.items()])
    key = {"datasets": "dataset_id", "jobs": "job_id"}[insert.table]
    rows = await connection.fetch(
        f"SELECT {key}, namespace, name FROM {insert.table} JOIN namespaces USING (namespace_id)"
        f" WHERE {key} = ANY($1::bigint[])",
        list(names),
    )
    for found, namespace, name in rows:
        if names[found] != (namespace, name):
            raise IdCollision(f"{namespace}/{name}", f"{names[found].namespace}/{names[found].name}")
