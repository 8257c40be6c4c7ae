"""Writes what events state: statements and what follows from them. Rows here are only added, or merged by least and
greatest.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from ...domain.batch import BatchChange, Observation, SeenJobVersion, SeenVersion, VersionSource
from ...domain.search import statement_terms
from ...domain.statement import Content, Schema, Statement
from ...domain.statement_parser import parse_source
from ..catalog.kinds import may_tell_kind
from ..compression import compress, decompress
from ..database import Connection
from ..graph_changes import Changed, note_changes
from .assets import TERMS
from .rows import InsertMissing, KnownRows

SOURCES = InsertMissing("statement_sources", {"statement_id": "bigint", "source": "bytea"})
ASSETS = InsertMissing(
    "statement_assets",
    {"asset_id": "bigint", "role": "smallint", "statement_id": "bigint", "content_id": "bigint"},
    keys=3,
)
CONTENTS = InsertMissing("contents", {"content_id": "bigint", "body": "bytea"})
SCHEMAS = InsertMissing("schemas", {"schema_id": "bigint", "body": "bytea"})
DELETIONS = InsertMissing("deletions", {"asset_id": "bigint", "time": "timestamptz", "kind": "smallint"}, keys=3)
Rank = tuple[bool, datetime, int, bytes]
JOB_ROLE = 0
DROPPED = 1

_MERGED = """
    first_time = LEAST(known.first_time, seen.first_time),
    last_time = GREATEST(known.last_time, seen.last_time),
    last_finality = CASE WHEN {is_later} THEN seen.last_finality ELSE known.last_finality END,
    last_identity = CASE WHEN {is_later} THEN seen.last_identity ELSE known.last_identity END
"""
_IS_LATER = """
(seen.last_time, seen.last_finality, seen.last_identity) > (known.last_time, known.last_finality, known.last_identity)
"""
_OBSERVE = f"""
INSERT INTO statements AS known (statement_id, job_id, first_time, last_time, last_finality, last_identity)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::smallint[], $6::bytea[])
ORDER BY 1
ON CONFLICT (statement_id) DO UPDATE SET {_MERGED.format(is_later=_IS_LATER).replace("seen.", "excluded.")}
"""
_OBSERVE_AGAIN = f"""
UPDATE statements AS known SET {_MERGED.format(is_later=_IS_LATER)}
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::smallint[], $6::bytea[])
    AS seen (statement_id, job_id, first_time, last_time, last_finality, last_identity)
WHERE known.statement_id = seen.statement_id
"""
_SEE_VERSIONS = """
INSERT INTO dataset_versions AS known (dataset_id, version_id, schema_id, label, first_time, run_id, source) SELECT *
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[], $6::uuid[], $7::smallint[]) ORDER
BY 1, 2 ON CONFLICT (dataset_id, version_id) DO UPDATE SET first_time = excluded.first_time, run_id = excluded.run_id,
source = excluded.source WHERE (known.source = 3, known.first_time, known.source, known.run_id) > (excluded.source =
3, excluded.first_time, excluded.source, excluded.run_id)
"""
_SEE_JOB_VERSIONS = """
INSERT INTO job_versions AS known (job_id, job_version_id, io_set_id, code_content_id, first_time)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[])
ORDER BY 1, 2
ON CONFLICT (job_id, job_version_id) DO UPDATE SET first_time = excluded.first_time
WHERE known.first_time > excluded.first_time
"""
_DECLARE = """
UPDATE job_versions AS known SET
    declared_first = LEAST(known.declared_first, seen.first),
    (declared_last, declared_last_event) = (
        SELECT last.* FROM (VALUES (known.declared_last, known.declared_last_event), (seen.last, seen.event)) AS last
        ORDER BY 1 DESC NULLS LAST, 2 DESC LIMIT 1)
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::uuid[])
    AS seen (job_id, job_version_id, first, last, event)
WHERE known.job_id = seen.job_id AND known.job_version_id = seen.job_version_id
"""
_DISPUTE = """
UPDATE {table} SET disputed = true FROM unnest($1::bigint[], $2::bigint[]) AS lost (owner, version)
WHERE {owner} = lost.owner AND {version} = lost.version
"""


async def get_statements(connection: Connection, statements: Iterable[int]) -> dict[int, Statement]:
    """Statements that were written before."""
    rows = await connection.fetch(
        "SELECT statement_id, source FROM statement_sources WHERE statement_id = ANY($1::bigint[])", list(statements)
    )
    return {row[0]: parse_source(decompress(row[1])) for row in rows}


async def add_observations(connection: Connection, known: KnownRows, observations: Sequence[Observation]) -> None:
    """Writes statements that are new, and of all when they were made."""
    by_id = {seen.statement.id: seen.statement for seen in observations}
    new = [by_id[key] for key in known.missing("statement_sources", by_id)]
    await SOURCES.run(connection, [(statement.id, compress(statement.source)) for statement in new])
    await ASSETS.run(connection, [row for statement in new for row in _assets(statement)])
    await add_contents(connection, known, (content for statement in new for content in _contents(statement)))
    await note_changes(connection, Changed.KIND, (asset for statement in new for asset in _told_kinds(statement)))
    await TERMS.run(connection, {row for statement in new for row in _terms(statement)})
    again: list[tuple[object, ...]] = []
    others: list[tuple[object, ...]] = []
    for seen in sorted(observations, key=lambda seen: seen.statement.id):
        # Statements of a job change under its lock, so these are not met in another order by somebody else.
        is_locked = seen.statement.job is not None and known.is_committed("statement_sources", seen.statement.id)
        (again if is_locked else others).append(_observation(seen))
    for query, rows in ((_OBSERVE_AGAIN, again), (_OBSERVE, others)):
        if rows:
            await connection.execute(query, *zip(*rows, strict=True))


async def add_contents(connection: Connection, known: KnownRows, contents: Iterable[Content]) -> None:
    """Writes facets that are new."""
    by_id = {content.id: content for content in contents}
    missing = known.missing("contents", by_id)
    await CONTENTS.run(connection, [(key, compress(by_id[key].json)) for key in missing])


async def add_versions(connection: Connection, known: KnownRows, versions: Iterable[SeenVersion]) -> None:
    """Writes states that datasets were seen in."""
    first: dict[tuple[int, int], tuple[Rank, SeenVersion]] = {}
    for seen in versions:
        key, rank = (seen.dataset, seen.version), _rank(seen)
        if key not in first or rank < first[key][0]:
            first[key] = (rank, seen)
    missing = known.lower("dataset_versions", {key: rank for key, (rank, _) in first.items()})
    found = [first[key][1] for key in sorted(missing)]
    await _add_schemas(connection, known, [seen.schema for seen in found if seen.schema])
    rows = [(v.dataset, v.version, v.schema.id if v.schema else None, v.label, v.time, v.run, v.source) for v in found]
    if rows:
        await connection.execute(_SEE_VERSIONS, *map(list, zip(*rows, strict=True)))


async def add_job_versions(connection: Connection, known: KnownRows, versions: Iterable[SeenJobVersion]) -> None:
    """Writes states that jobs were seen in."""
    first: dict[tuple[int, int], SeenJobVersion] = {}
    for seen in versions:
        key = (seen.job, seen.version)
        if key not in first or seen.time < first[key].time:
            first[key] = seen
    missing = known.lower("job_versions", {key: seen.time for key, seen in first.items()})
    found = [first[key] for key in sorted(missing)]
    await add_contents(connection, known, [seen.code for seen in found if seen.code])
    rows = [(v.job, v.version, v.io.id if v.io else None, v.code.id if v.code else None, v.time) for v in found]
    if rows:
        await connection.execute(_SEE_JOB_VERSIONS, *map(list, zip(*rows, strict=True)))


async def add_declared_versions(connection: Connection, versions: Iterable[SeenJobVersion]) -> None:
    """Writes when JobEvents declared states of jobs, which are written already."""
    declared: dict[tuple[int, int], list[tuple[datetime, uuid.UUID]]] = {}
    for seen in versions:
        if seen.event:
            declared.setdefault((seen.job, seen.version), []).append((seen.time, seen.event))
    rows = [(*key, min(found)[0], *max(found)) for key, found in sorted(declared.items())]
    if rows:
        await connection.execute(_DECLARE, *map(list, zip(*rows, strict=True)))


async def add_disputes(connection: Connection, change: BatchChange) -> None:
    """Marks versions that may have lost what made them."""
    for table, owner, version, lost in (
        ("dataset_versions", "dataset_id", "version_id", change.disputed),
        ("job_versions", "job_id", "job_version_id", change.disputed_jobs),
    ):
        if lost:
            query = _DISPUTE.format(table=table, owner=owner, version=version)
            await connection.execute(query, *map(list, zip(*sorted(lost), strict=True)))


async def add_drops(connection: Connection, change: BatchChange) -> None:
    """Writes when events dropped datasets."""
    await DELETIONS.run(connection, [(dataset, time, DROPPED) for dataset, time in change.drops])
    await note_changes(connection, Changed.ASSET, (dataset for dataset, _ in change.drops))


def encode_schema(schema: Schema) -> bytes:
    """The form in which a schema is kept."""
    return compress(msgspec.msgpack.encode([(f.path, f.type, f.description, f.ordinal) for f in schema.fields]))


async def _add_schemas(connection: Connection, known: KnownRows, schemas: Iterable[Schema]) -> None:
    by_id = {schema.id: schema for schema in schemas}
    missing = known.missing("schemas", by_id)
    await SCHEMAS.run(connection, [(key, encode_schema(by_id[key])) for key in missing])


def _rank(seen: SeenVersion) -> Rank:
    """Of two sightings of a version, the lesser is kept: a reader's counts last, then the earlier one holds."""
    source = seen.source
    return source is VersionSource.READER, seen.time, source, seen.run.bytes if seen.run else b""


def _assets(statement: Statement) -> Iterable[tuple[int, int, int, int]]:
    if statement.job:
        yield statement.job.id, JOB_ROLE, statement.id, statement.job.content.id
    for dataset in statement.datasets:
        yield dataset.id, dataset.role, statement.id, dataset.content.id


def _told_kinds(statement: Statement) -> Iterable[int]:
    """The assets of whose kinds a statement may say something."""
    if statement.job and may_tell_kind(statement.job.content.json):
        yield statement.job.id
    yield from (dataset.id for dataset in statement.datasets if may_tell_kind(dataset.content.json))


def _contents(statement: Statement) -> Iterable[Content]:
    if statement.job:
        yield statement.job.content
    yield from (dataset.content for dataset in statement.datasets)


def _terms(statement: Statement) -> Iterable[tuple[int, str, int]]:
    for asset, terms in statement_terms(statement).items():
        yield from ((kind, text, asset) for kind, text in terms)


def _observation(seen: Observation) -> tuple[object, ...]:
    last, job = seen.last, seen.statement.job
    return seen.statement.id, job.id if job else None, seen.first, last.time, last.finality, last.identity
