"""Finds where assets stand that have all of some terms, in the order of names.

Where one condition is held by few assets, those are looked at. Where every condition is held by many, assets are looked
at in the order of their names: then a page is found soon, or the walk stops after so many names, to go on from there.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...domain import ids
from ...domain.catalog import AssetType
from ...domain.catalog_places import NamePlace, Slice
from ...domain.search_query import Condition, SearchQuery
from ..database import Connection

FEW = 10_000
"""How many terms a condition may find for the assets that have them to be looked at one by one."""
WALKED_AT_ONCE = 50_000
"""How many names are looked at before a walk stops."""
_LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What is searched for, and the condition that few assets hold; None where there is none such."""

    query: SearchQuery
    driver: Condition | None
    is_empty: bool


class _Sql:
    """A query in the making, with its arguments."""

    def __init__(self) -> None:
        self.arguments: list[object] = []

    def argument(self, value: object, kind: str) -> str:
        """The placeholder of an argument."""
        self.arguments.append(value)
        return f"${len(self.arguments)}::{kind}"


_TABLES = {AssetType.DATASET: ("datasets", "dataset_id"), AssetType.JOB: ("jobs", "job_id")}


async def plan_search(connection: Connection, query: SearchQuery) -> SearchPlan:
    """How to search: by the condition that is held by the fewest, where those are few."""
    conditions = query.conditions()
    if not conditions:
        return SearchPlan(query, None, is_empty=False)
    sql = _Sql()
    counts = [f"(SELECT count(*) FROM (SELECT FROM terms WHERE {_holds(c, sql)} LIMIT {FEW}) AS c)" for c in conditions]
    row = await connection.fetchrow(f"SELECT {', '.join(counts)}", *sql.arguments)
    assert row is not None
    count, place = min((count, place) for place, count in enumerate(row))
    return SearchPlan(query, conditions[place] if count < FEW else None, is_empty=count == 0)


async def search_places(connection: Connection, plan: SearchPlan, after: NamePlace, limit: int) -> Slice:
    """Where assets stand past a place that have all terms, in the order of names; some of them may not fit now."""
    if plan.is_empty:
        return Slice([], None)
    slices = [await _search(connection, plan, asset, after, limit) for asset in plan.query.sought]
    resume = min((part.resume for part in slices if part.resume), default=None)
    places = sorted(place for part in slices for place in part.places if resume is None or place <= resume)
    if len(places) > limit:
        return Slice(places[:limit], places[limit - 1])
    return Slice(places, resume)


async def _search(connection: Connection, plan: SearchPlan, asset: AssetType, after: NamePlace, limit: int) -> Slice:
    """The part of a search for datasets, or for jobs."""
    table, key = _TABLES[asset]
    start = after.id if after.type is asset else -(2**63) if after.type < asset else 2**63 - 1
    sql = _Sql()
    past = f"(d.name, d.{key}) > ({sql.argument(after.name, 'text')}, {sql.argument(start, 'bigint')})"
    order = f"ORDER BY d.name, d.{key}"
    walk = f"(SELECT * FROM {table} AS d WHERE {past} {order} LIMIT {WALKED_AT_ONCE}) AS d"
    source = _driven(plan.driver, asset, sql) if plan.driver else walk
    wanted = " AND ".join([past, *_filters(plan, asset, sql)])
    rows = await connection.fetch(
        f"SELECT d.name, d.{key} FROM {source} WHERE {wanted} {order} LIMIT {limit}", *sql.arguments
    )
    places = [NamePlace(row[0], asset, row[1]) for row in rows]
    if len(places) == limit:
        return Slice(places, places[-1])
    if plan.driver:
        return Slice(places, None)
    end = f"SELECT d.name, d.{key} FROM {table} AS d WHERE {past} {order} OFFSET {WALKED_AT_ONCE - 1} LIMIT 1"
    stop = await connection.fetchrow(end, after.name, start)
    return Slice(places, NamePlace(stop[0], asset, stop[1]) if stop else None)


def _driven(driver: Condition, asset: AssetType, sql: _Sql) -> str:
    """The assets that hold a condition, each set of datasets once. OFFSET keeps the join a look-up for each."""
    held = f"(SELECT asset_id FROM terms WHERE {_holds(driver, sql)}) AS held"
    if asset is AssetType.JOB:
        return f"{held} CROSS JOIN LATERAL (SELECT * FROM jobs WHERE job_id = held.asset_id OFFSET 0) AS d"
    shown = "SELECT COALESCE(canonical_id, dataset_id) AS id FROM datasets WHERE dataset_id = held.asset_id OFFSET 0"
    return (
        f"(SELECT DISTINCT shown.id FROM {held} CROSS JOIN LATERAL ({shown}) AS shown) AS driven"
        " CROSS JOIN LATERAL (SELECT * FROM datasets WHERE dataset_id = driven.id OFFSET 0) AS d"
    )


def _filters(plan: SearchPlan, asset: AssetType, sql: _Sql) -> list[str]:
    """What can be told of an asset without looking at what was said of it; of a dataset by any of its names."""
    query, found = plan.query, []
    if query.namespace is not None:
        found.append(f"d.namespace_id = {sql.argument(ids.namespace_id(query.namespace), 'bigint')}")
    if asset is AssetType.DATASET:
        found.append("(d.canonical_id IS NULL OR d.canonical_id = d.dataset_id)")
    words = [word for word in query.words if word.isascii()]  # lower() knows no other letters in this collation
    found += [_any_name(asset, f"strpos(lower(a.name), {sql.argument(word, 'text')}) > 0") for word in words]
    exact = [condition for condition in query.conditions() if not condition.is_prefix and condition != plan.driver]
    return found + [_any_id(asset, _holds(condition, sql)) for condition in exact]


def _any_name(asset: AssetType, test: str) -> str:
    own = test.replace("a.name", "d.name")
    if asset is AssetType.JOB:
        return own
    other = f"SELECT FROM datasets AS a WHERE a.canonical_id = d.dataset_id AND {test}"
    return f"({own} OR (d.canonical_id IS NOT NULL AND EXISTS ({other})))"


def _any_id(asset: AssetType, test: str) -> str:
    own = f"EXISTS (SELECT FROM terms WHERE {test} AND asset_id = d.{_TABLES[asset][1]})"
    if asset is AssetType.JOB:
        return own
    others = f"SELECT FROM datasets AS a JOIN terms ON asset_id = a.dataset_id AND {test}"
    return f"({own} OR (d.canonical_id IS NOT NULL AND EXISTS ({others} WHERE a.canonical_id = d.dataset_id)))"


def _holds(condition: Condition, sql: _Sql) -> str:
    kind = f"kind = {int(condition.kind)}"
    if not condition.is_prefix:
        return f"{kind} AND term = ANY({sql.argument(list(condition.terms), 'text[]')})"
    (prefix,) = condition.terms
    low, high = sql.argument(prefix, "text"), sql.argument(prefix + _LAST_CHARACTER, "text")
    return f"{kind} AND term >= {low} AND term < {high}"
