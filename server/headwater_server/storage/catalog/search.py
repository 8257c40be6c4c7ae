"""Finds where assets stand that have all of some terms, in the order of names.

Where few assets hold one of the conditions, those are looked at. Where every condition is held by many, assets are
looked at in the order of their names, for a page is likely found soon; if not, those that hold the rarest condition are
looked at after all. Where even those are too many, the walk goes on, stops after so many names, and is taken up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...domain import ids
from ...domain.catalog import AssetType
from ...domain.catalog_places import NamePlace, Slice
from ...domain.search import TermKind
from ...domain.search_query import Condition, SearchQuery
from ..database import Connection

FEW = 2_000
"""How many terms a condition may find for the assets that have them to be looked at first."""
MANY = 50_000
"""How many terms a condition may find for the assets that have them to be looked at at all."""
FIRST_WALK = 3_000
"""How many names are looked at before anything else is tried."""
LONG_WALK = 50_000
"""How many names are looked at before a walk stops."""
_LAST_CHARACTER = "\U0010ffff"
_TABLES = {AssetType.DATASET: ("datasets", "dataset_id"), AssetType.JOB: ("jobs", "job_id")}


@dataclass(slots=True)
class SearchPlan:
    """What is searched for, and the condition that the fewest assets hold, as far as that is known.

    `limit` is how many terms each condition was found to have at least, where `driver` is None.
    """

    query: SearchQuery
    conditions: Sequence[Condition]
    driver: Condition | None = None
    limit: int = 0
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class _Question:
    """A plan, for assets of one type, past a place."""

    plan: SearchPlan
    asset: AssetType
    after: NamePlace
    limit: int

    @property
    def start(self) -> int:
        """The id past which assets of this type are, among those of the place's name."""
        if self.after.type is self.asset:
            return self.after.id
        return -(2**63) if self.after.type < self.asset else 2**63 - 1


class _Sql:
    """A query in the making, with its arguments."""

    def __init__(self) -> None:
        self.arguments: list[object] = []

    def argument(self, value: object, kind: str) -> str:
        """The placeholder of an argument."""
        self.arguments.append(value)
        return f"${len(self.arguments)}::{kind}"


async def plan_search(connection: Connection, query: SearchQuery) -> SearchPlan:
    """How to search: by the condition that is held by the fewest, where those are few."""
    plan = SearchPlan(query, query.conditions())
    await _find_driver(connection, plan, FEW)
    return plan


async def search_places(connection: Connection, plan: SearchPlan, after: NamePlace, limit: int) -> Slice:
    """Where assets stand past a place that have all terms, in the order of names; some of them may not fit now."""
    if plan.is_empty:
        return Slice([], None)
    slices = [await _search(connection, _Question(plan, asset, after, limit)) for asset in plan.query.sought]
    resume = min((part.resume for part in slices if part.resume), default=None)
    places = sorted(place for part in slices for place in part.places if resume is None or place <= resume)
    if len(places) > limit:
        return Slice(places[:limit], places[limit - 1])
    return Slice(places, resume)


async def _find_driver(connection: Connection, plan: SearchPlan, limit: int) -> None:
    """Has the plan know the condition that is held by the fewest, where it finds less than so many terms."""
    if not plan.conditions or plan.limit >= limit:
        return
    sql = _Sql()
    counts = [
        f"(SELECT count(*) FROM (SELECT FROM terms WHERE {_holds(condition, sql)} LIMIT {limit}) AS held)"
        for condition in plan.conditions
    ]
    row = await connection.fetchrow(f"SELECT {', '.join(counts)}", *sql.arguments)
    assert row is not None
    count, place = min((count, place) for place, count in enumerate(row))
    plan.limit, plan.is_empty = limit, count == 0
    plan.driver = plan.conditions[place] if count < limit else None


async def _search(connection: Connection, question: _Question) -> Slice:
    """The part of a search for datasets, or for jobs."""
    if question.plan.driver:
        return await _drive(connection, question)
    walked = await _walk(connection, question, FIRST_WALK)
    if len(walked.places) == question.limit or walked.resume is None:
        return walked
    await _find_driver(connection, question.plan, MANY)
    return await (_drive(connection, question) if question.plan.driver else _walk(connection, question, LONG_WALK))


async def _drive(connection: Connection, question: _Question) -> Slice:
    """Looks at the assets that hold the condition held by the fewest."""
    assert question.plan.driver
    sql = _Sql()
    source = _driven(question.plan.driver, question.asset, sql)
    key = _TABLES[question.asset][1]
    past = (
        f"(d.name, d.{key}) > ({sql.argument(question.after.name, 'text')}, {sql.argument(question.start, 'bigint')})"
    )
    wanted = " AND ".join([past, *_filters(question, sql)])
    rows = await connection.fetch(
        f"SELECT DISTINCT d.name, d.{key} FROM {source} WHERE {wanted} ORDER BY d.name, d.{key} LIMIT {question.limit}",
        *sql.arguments,
    )
    places = [NamePlace(row[0], question.asset, row[1]) for row in rows]
    return Slice(places, places[-1] if len(places) == question.limit else None)


async def _walk(connection: Connection, question: _Question, names: int) -> Slice:
    """Looks at so many names, in their order."""
    sql = _Sql()
    table, key = _TABLES[question.asset]
    past = (
        f"(d.name, d.{key}) > ({sql.argument(question.after.name, 'text')}, {sql.argument(question.start, 'bigint')})"
    )
    walk = f"SELECT * FROM {table} AS d WHERE {past} ORDER BY d.name, d.{key}"
    wanted = " AND ".join(["true", *_filters(question, sql)])
    rows = await connection.fetch(
        f"SELECT d.name, d.{key} FROM ({walk} LIMIT {names}) AS d WHERE {wanted} LIMIT {question.limit}", *sql.arguments
    )
    places = [NamePlace(row[0], question.asset, row[1]) for row in rows]
    if len(places) == question.limit:
        return Slice(places, places[-1])
    end = await connection.fetchrow(
        f"SELECT d.name, d.{key} FROM ({walk} OFFSET {names - 1} LIMIT 1) AS d", question.after.name, question.start
    )
    return Slice(places, NamePlace(end[0], question.asset, end[1]) if end else None)


def _driven(driver: Condition, asset: AssetType, sql: _Sql) -> str:
    """The assets that hold a condition, sets of datasets under the name that they are shown under.

    OFFSET has each be looked up, for the planner would rather read the whole table.
    """
    held = f"(SELECT asset_id FROM terms WHERE {_holds(driver, sql)}) AS held"
    if asset is AssetType.JOB:
        return f"{held} CROSS JOIN LATERAL (SELECT * FROM jobs WHERE job_id = held.asset_id OFFSET 0) AS d"
    return (
        f"{held} CROSS JOIN LATERAL (SELECT * FROM datasets WHERE dataset_id = held.asset_id OFFSET 0) AS named"
        " CROSS JOIN LATERAL (SELECT named.* WHERE named.canonical_id IS NULL OR named.canonical_id = named.dataset_id"
        " UNION ALL SELECT * FROM datasets WHERE dataset_id = named.canonical_id"
        " AND named.canonical_id <> named.dataset_id OFFSET 0) AS d"
    )


def _filters(question: _Question, sql: _Sql) -> list[str]:
    """What can be told of an asset without looking at what was said of it; of a dataset by any of its names."""
    query, asset, found = question.plan.query, question.asset, list[str]()
    if query.namespace is not None:
        found.append(f"d.namespace_id = {sql.argument(ids.namespace_id(query.namespace), 'bigint')}")
    if asset is AssetType.DATASET:
        found.append("(d.canonical_id IS NULL OR d.canonical_id = d.dataset_id)")
    words = [word for word in query.words if word.isascii()]  # lower() knows no other letters in this collation
    found += [_any_name(asset, f"strpos(lower(a.name), {sql.argument(word, 'text')}) > 0") for word in words]
    driver = question.plan.driver
    exact = [condition for condition in question.plan.conditions if not condition.is_prefix and condition != driver]
    return found + [
        _any_id(asset, _holds(condition, sql)) for condition in exact if condition.kind is not TermKind.NAME
    ]


def _any_name(asset: AssetType, test: str) -> str:
    own = test.replace("a.name", "d.name")
    if asset is AssetType.JOB:
        return own
    other = f"SELECT FROM datasets AS a WHERE a.canonical_id = d.dataset_id AND {test} OFFSET 0"
    return f"({own} OR (d.canonical_id IS NOT NULL AND EXISTS ({other})))"


def _any_id(asset: AssetType, test: str) -> str:
    own = f"EXISTS (SELECT FROM terms WHERE {test} AND asset_id = d.{_TABLES[asset][1]} OFFSET 0)"
    if asset is AssetType.JOB:
        return own
    others = f"SELECT FROM datasets AS a JOIN terms ON asset_id = a.dataset_id AND {test}"
    return f"({own} OR (d.canonical_id IS NOT NULL AND EXISTS ({others} WHERE a.canonical_id = d.dataset_id OFFSET 0)))"


def _holds(condition: Condition, sql: _Sql) -> str:
    kind = f"kind = {int(condition.kind)}"
    if not condition.is_prefix:
        return f"{kind} AND term = ANY({sql.argument(list(condition.terms), 'text[]')})"
    (prefix,) = condition.terms
    low, high = sql.argument(prefix, "text"), sql.argument(prefix + _LAST_CHARACTER, "text")
    return f"{kind} AND term >= {low} AND term < {high}"
