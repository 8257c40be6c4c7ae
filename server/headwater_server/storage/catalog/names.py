"""Finds datasets, jobs and namespaces by id and by name."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, bindparam, exists, func, or_, select, true, tuple_, union_all
from sqlalchemy.sql.selectable import FromClause

from ...domain import ids
from ...domain.catalog import AssetType, Namespace
from ...domain.catalog_places import DatasetSet, JobPlace, NamePlace
from ...domain.model import AssetName
from ...domain.search import JOB_TERMS, TermKind, tail_of
from ..database import Connection
from ..statements import Statement, among, given
from ..tables import datasets, fields, jobs, namespaces, terms

TABLES = {AssetType.DATASET: datasets, AssetType.JOB: jobs}
_LIMIT = bindparam("limit", type_=BigInteger)


def key_of(table: FromClause) -> ColumnElement[int]:
    """The id of a dataset or a job, given its table."""
    return table.c.dataset_id if "dataset_id" in table.c else table.c.job_id


def is_shown(dataset: FromClause) -> ColumnElement[bool]:
    """That a dataset is shown under its own name, as `tables.SHOWN` says it to the indexes."""
    return or_(dataset.c.canonical_id.is_(None), dataset.c.canonical_id == dataset.c.dataset_id)


def _get_sets() -> Statement:
    asked, own, other = (datasets.alias(name) for name in ("asked", "own", "other"))
    shown = func.coalesce(asked.c.canonical_id, asked.c.dataset_id)
    member = union_all(
        *(
            select(one.c.dataset_id, one.c.namespace_id, one.c.name).where(*tests).correlate(asked)
            for one, tests in (
                (own, [own.c.dataset_id == shown]),
                (other, [other.c.canonical_id == shown, other.c.dataset_id != shown]),
            )
        )
    ).lateral("member")
    found = asked.join(member, true()).join(namespaces, namespaces.c.namespace_id == member.c.namespace_id)
    columns = (asked.c.dataset_id, shown, member.c.dataset_id, namespaces.c.namespace, member.c.name)
    return Statement(select(*columns).select_from(found).where(among(asked.c.dataset_id, "ids")))


def _get_shown_names() -> Statement:
    asked, shown = datasets.alias("asked"), datasets.alias("shown")
    found = asked.join(shown, shown.c.dataset_id == func.coalesce(asked.c.canonical_id, asked.c.dataset_id))
    found = found.join(namespaces, namespaces.c.namespace_id == shown.c.namespace_id)
    columns = (asked.c.dataset_id, namespaces.c.namespace, shown.c.name)
    return Statement(select(*columns).select_from(found).where(among(asked.c.dataset_id, "ids")))


@cache
def _by_name(asset: AssetType) -> Statement:
    table = TABLES[asset]
    return Statement(select(key_of(table)).where(table.c.name == given("name", table.c.name)).limit(_LIMIT))


@cache
def _by_tail(asset: AssetType) -> Statement:
    table = TABLES[asset]
    ends = func.right(table.c.name, bindparam("length", type_=Integer), type_=table.c.name.type)
    found = terms.join(table, key_of(table) == terms.c.asset_id)
    tests = (terms.c.kind == given("kind", terms.c.kind), terms.c.term == given("tail", terms.c.term))
    return Statement(select(key_of(table)).select_from(found).where(*tests, among(ends, "ends")).limit(_LIMIT))


@cache
def _list_places(asset: AssetType, *, in_namespace: bool) -> Statement:
    table = TABLES[asset]
    place = (table.c.name, key_of(table))
    tests: list[Any] = [tuple_(*place) > tuple_(given("name", table.c.name), given("id", key_of(table)))]
    if in_namespace:
        tests.append(table.c.namespace_id == given("namespace", table.c.namespace_id))
    if asset is AssetType.DATASET:
        tests.append(is_shown(table))
    return Statement(select(*place).where(*tests).order_by(*place).limit(_LIMIT))


@cache
def _count_assets(asset: AssetType) -> Statement:
    table = TABLES[asset]
    tests = [among(table.c.namespace_id, "ids"), *([is_shown(table)] if asset is AssetType.DATASET else [])]
    return Statement(select(table.c.namespace_id, func.count()).where(*tests).group_by(table.c.namespace_id))


_GET_SETS = _get_sets()
_GET_SHOWN_NAMES = _get_shown_names()
_GET_JOBS = Statement(
    select(jobs.c.job_id, namespaces.c.namespace, jobs.c.name)
    .join_from(jobs, namespaces, jobs.c.namespace_id == namespaces.c.namespace_id)
    .where(among(jobs.c.job_id, "ids"))
)
_LIST_NAMESPACES = Statement(
    select(namespaces.c.namespace)
    .where(namespaces.c.namespace > given("after", namespaces.c.namespace))
    .order_by(namespaces.c.namespace)
    .limit(_LIMIT)
)
_HAS_NAMESPACE = Statement(select(exists().where(namespaces.c.namespace_id == given("id", namespaces.c.namespace_id))))
_HAS_FIELD = Statement(
    select(exists().where(among(fields.c.dataset_id, "ids"), fields.c.path == given("path", fields.c.path)))
)


async def get_sets(connection: Connection, asked: Iterable[int]) -> dict[int, DatasetSet]:
    """The sets that datasets are in, by the id that was asked for; unknown ones are left out."""
    shown: dict[int, int] = {}
    names: dict[int, dict[int, AssetName]] = {}
    for dataset, canonical, member, namespace, name in await _GET_SETS.fetch(connection, ids=list(set(asked))):
        shown[dataset] = canonical
        names.setdefault(canonical, {})[member] = AssetName(namespace, name)
    sets = {canonical: DatasetSet(canonical, found[canonical], found) for canonical, found in names.items()}
    return {dataset: sets[canonical] for dataset, canonical in shown.items()}


async def get_shown_names(connection: Connection, asked: Iterable[int]) -> dict[int, AssetName]:
    """The names that datasets are shown under, by id."""
    rows = await _GET_SHOWN_NAMES.fetch(connection, ids=list(set(asked)))
    return {row[0]: AssetName(row[1], row[2]) for row in rows}


async def get_jobs(connection: Connection, asked: Iterable[int]) -> dict[int, JobPlace]:
    """Jobs by id; unknown ones are left out."""
    wanted = list(set(asked))
    rows = await _GET_JOBS.fetch(connection, ids=wanted) if wanted else []
    return {row[0]: JobPlace(row[0], AssetName(row[1], row[2])) for row in rows}


async def find_by_bare_name(connection: Connection, name: str, limit: int) -> tuple[list[int], list[int]]:
    """The ids of datasets and of jobs that have a name, in any namespace; at most so many of each.

    Where none has it, those whose name ends with it behind a dot or a slash.
    """
    found = [await _by_name(asset).fetch(connection, name=name, limit=limit) for asset in AssetType]
    if not any(found):
        tail = {"tail": tail_of(name), "ends": [f".{name}", f"/{name}"], "length": len(name) + 1, "limit": limit}
        kinds = {AssetType.DATASET: TermKind.TAIL, AssetType.JOB: TermKind.TAIL + JOB_TERMS}
        found = [await _by_tail(asset).fetch(connection, kind=kinds[asset], **tail) for asset in AssetType]
    by_dataset, by_job = found
    return [row[0] for row in by_dataset], [row[0] for row in by_job]


async def list_namespaces(connection: Connection, after: str, limit: int) -> list[Namespace]:
    """Namespaces in the order of their names."""
    rows = await _LIST_NAMESPACES.fetch(connection, after=after, limit=limit)
    return await _count(connection, [row[0] for row in rows])


async def get_namespace(connection: Connection, name: str) -> Namespace | None:
    """A namespace by its name; None where it is not known."""
    found = await _count(connection, [name] if await has_namespace(connection, name) else [])
    return found[0] if found else None


async def has_namespace(connection: Connection, name: str) -> bool:
    """Whether a namespace is known."""
    return bool(await _HAS_NAMESPACE.fetch_value(connection, id=ids.namespace_id(name)))


async def list_places(
    connection: Connection, asset: AssetType, namespace: str | None, after: NamePlace, limit: int
) -> list[NamePlace]:
    """Where the datasets or jobs of a namespace, or of all, stand in the order of names; each set of datasets once."""
    key = ids.namespace_id(namespace) if namespace is not None else None
    listed = _list_places(asset, in_namespace=key is not None)
    rows = await listed.fetch(connection, name=after.name, id=after.id, namespace=key, limit=limit)
    return [NamePlace(row[0], asset, row[1]) for row in rows]


async def has_field(connection: Connection, members: Iterable[int], path: str) -> bool:
    """Whether field links speak of a field of one of the datasets."""
    return bool(await _HAS_FIELD.fetch_value(connection, ids=list(members), path=path))


async def _count(connection: Connection, names: list[str]) -> list[Namespace]:
    """Namespaces with what is in them."""
    keys = [ids.namespace_id(name) for name in names]
    datasets_in, jobs_in = [
        {row[0]: row[1] for row in await _count_assets(asset).fetch(connection, ids=keys)} for asset in AssetType
    ]
    return [Namespace(name, datasets_in.get(k, 0), jobs_in.get(k, 0)) for name, k in zip(names, keys, strict=True)]
