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
from ...domain.search import JOB_TERMS, TermKind
from ...domain.search_query import Condition, SearchQuery
from ..database import Connection

FEW = 5_000
"""How many terms a condition may find for the assets that have them to be looked at first."""
MANY = 50_000
"""How many terms a condition may find for the assets that have them to be looked at at all."""
FIRST_WALK = 10_000
"""How many names are looked at before anything else is tried."""
LONG_WALK = 50_000
"""How many names are looked at before a walk stops."""
_LAST_CHARACTER = "\U0010ffff"
_TABLES = {AssetType.DATASET: ("datasets", "dataset_id"), AssetType.JOB: ("jobs", "job_id")}
_IS_SHOWN = "(d.canonical_id IS NULL OR d.canonical_id = d.dataset_id)"


@dataclass(slots=True)
class SearchPlan:
    """What is searched for among assets of one type, and the conditions that are known to be held by few of them, the
    fewest first: by less than `limit`.
    """

    query: SearchQuery
    asset: AssetType
    conditions: Sequence[Condition]
    rare: Sequence[Condition] = ()
    limit: int = 0
    is_empty: bool = False

    @property
    def drivers(self) -> Sequence[Condition]:
        """The conditions that the assets to look at hold: the rarest, with others on the same name where that is worth
        reading their terms. Where none is rare, several on one name may be together.
        """
        if self.limit == FEW:
            return self.rare[:1]
        if self.rare and self.rare[0].kind is not TermKind.NAME:
            return self.rare[:1]
        names = [c for c in self.rare or self.conditions if c.kind is TermKind.NAME]
        return names if self.rare or len(names) > 1 else ()


@dataclass(frozen=True, slots=True)
class _Part:
    """What part of a list is asked for: at most `limit` assets past a place."""

    after: NamePlace
    limit: int

    def start(self, asset: AssetType) -> int:
        """The id past which assets of a type are, among those of the place's name."""
        if self.after.type is asset:
            return self.after.id
        return -(2**63) if self.after.type < asset else 2**63 - 1


class _Sql:
    """A query in the making, with its arguments."""

    def __init__(self) -> None:
        self.arguments: list[object] = []

    def argument(self, value: object, kind: str) -> str:
        """The placeholder of an argument."""
        self.arguments.append(value)
        return f"${len(self.arguments)}::{kind}"


async def plan_search(connection: Connection, query: SearchQuery) -> list[SearchPlan]:
    """How to search for each type of assets: by the condition that is held by the fewest, where those are few."""
    plans = [SearchPlan(query, asset, query.conditions()) for asset in query.sought]
    for plan in plans:
        await _find_rare(connection, plan, FEW)
    return [plan for plan in plans if not plan.is_empty]


async def search_places(connection: Connection, plans: Sequence[SearchPlan], after: NamePlace, limit: int) -> Slice:
    """Where assets stand past a place that have all terms, in the order of names; some of them may not fit now."""
    parts = [await _search(connection, plan, _Part(after, limit)) for plan in plans]
    resume = min((part.resume for part in parts if part.resume), default=None)
    places = sorted(place for part in parts for place in part.places if resume is None or place <= resume)
    if len(places) > limit:
        return Slice(places[:limit], places[limit - 1])
    return Slice(places, resume)


async def _find_rare(connection: Connection, plan: SearchPlan, limit: int) -> None:
    """Has the plan know the conditions that find less than so many terms."""
    if not plan.conditions or plan.limit >= limit:
        return
    sql = _Sql()
    counts = [
        f"(SELECT count(*) FROM (SELECT FROM terms WHERE {_holds(plan, condition, sql)} LIMIT {limit}) AS held)"
        for condition in plan.conditions
    ]
    row = await connection.fetchrow(f"SELECT {', '.join(counts)}", *sql.arguments)
    assert row is not None
    counts_by_place = sorted((count, place) for place, count in enumerate(row) if count < limit)
    plan.rare = [plan.conditions[place] for _, place in counts_by_place]
    plan.limit, plan.is_empty = limit, 0 in row


async def _search(connection: Connection, plan: SearchPlan, part: _Part) -> Slice:
    if plan.drivers:
        return await _drive(connection, plan, part)
    walked = await _walk(connection, plan, part, FIRST_WALK)
    if len(walked.places) == part.limit or walked.resume is None:
        return walked
    await _find_rare(connection, plan, MANY)
    return await (_drive(connection, plan, part) if plan.drivers else _walk(connection, plan, part, LONG_WALK))


async def _drive(connection: Connection, plan: SearchPlan, part: _Part) -> Slice:
    """Looks at the assets that hold the plan's drivers."""
    sql = _Sql()
    key = _TABLES[plan.asset][1]
    source = _driven(plan, sql)
    by_name = plan.drivers[0].kind is TermKind.NAME
    wanted = " AND ".join([_past(plan, part, sql), *_filters(plan, sql, skip_words=by_name)])
    rows = await connection.fetch(
        f"SELECT DISTINCT d.name, d.{key} FROM {source} WHERE {wanted} ORDER BY d.name, d.{key} LIMIT {part.limit}",
        *sql.arguments,
    )
    places = [NamePlace(row[0], plan.asset, row[1]) for row in rows]
    return Slice(places, places[-1] if len(places) == part.limit else None)


async def _walk(connection: Connection, plan: SearchPlan, part: _Part, names: int) -> Slice:
    """Looks at so many names, in their order."""
    sql, end = _Sql(), _Sql()
    table, key = _TABLES[plan.asset]
    walk = f"SELECT * FROM {table} AS d WHERE {{past}} ORDER BY d.name, d.{key}"
    source = walk.format(past=_past(plan, part, sql))
    wanted = " AND ".join(["true", *_filters(plan, sql, skip_words=False)])
    rows = await connection.fetch(
        f"SELECT d.name, d.{key} FROM ({source} LIMIT {names}) AS d WHERE {wanted} LIMIT {part.limit}", *sql.arguments
    )
    places = [NamePlace(row[0], plan.asset, row[1]) for row in rows]
    if len(places) == part.limit:
        return Slice(places, places[-1])
    last = walk.format(past=_past(plan, part, end))
    row = await connection.fetchrow(
        f"SELECT d.name, d.{key} FROM ({last} OFFSET {names - 1} LIMIT 1) AS d", *end.arguments
    )
    return Slice(places, NamePlace(row[0], plan.asset, row[1]) if row else None)


def _past(plan: SearchPlan, part: _Part, sql: _Sql) -> str:
    """Past a place, in the namespace that is searched, and no other name of a dataset that is shown under another."""
    place = f"({sql.argument(part.after.name, 'text')}, {sql.argument(part.start(plan.asset), 'bigint')})"
    tests = [f"(d.name, d.{_TABLES[plan.asset][1]}) > {place}"]
    if plan.asset is AssetType.DATASET:
        tests.append(_IS_SHOWN)
    if plan.query.namespace is not None:
        tests.append(f"d.namespace_id = {sql.argument(ids.namespace_id(plan.query.namespace), 'bigint')}")
    return " AND ".join(tests)


def _driven(plan: SearchPlan, sql: _Sql) -> str:
    """The assets that hold the plan's drivers; datasets as they are shown.

    OFFSET has each be looked up, for the planner would rather read the whole table.
    """
    table, key = _TABLES[plan.asset]
    held = " INTERSECT ".join(f"SELECT asset_id FROM terms WHERE {_holds(plan, c, sql)}" for c in plan.drivers)
    words = _words(plan, "a.name", sql) if plan.drivers[0].kind is TermKind.NAME else []
    named = f"SELECT * FROM {table} AS a WHERE {' AND '.join([f'{key} = held.asset_id', *words])} OFFSET 0"
    if plan.asset is AssetType.JOB:
        return f"({held}) AS held CROSS JOIN LATERAL ({named}) AS d"
    return (
        f"({held}) AS held CROSS JOIN LATERAL ({named}) AS named"
        " CROSS JOIN LATERAL (SELECT named.* WHERE named.canonical_id IS NULL OR named.canonical_id = named.dataset_id"
        " UNION ALL SELECT * FROM datasets WHERE dataset_id = named.canonical_id"
        " AND named.canonical_id <> named.dataset_id OFFSET 0) AS d"
    )


def _filters(plan: SearchPlan, sql: _Sql, *, skip_words: bool) -> list[str]:
    """What can be told of an asset without looking at what was said of it; of a dataset by any of its names."""
    words = [] if skip_words else _words(plan, "a.name", sql)
    found = [_any_name(plan.asset, " AND ".join(words))] if words else []
    exact = [c for c in plan.conditions if not c.is_prefix and c.kind is not TermKind.NAME and c not in plan.drivers]
    return found + [_any_id(plan.asset, _holds(plan, condition, sql)) for condition in exact]


def _words(plan: SearchPlan, name: str, sql: _Sql) -> list[str]:
    """That a name has the words somewhere; not all letters can be compared here."""
    words = [word for word in plan.query.words if word.isascii()]  # lower() knows no other letters in this collation
    return [f"strpos(lower({name}), {sql.argument(word, 'text')}) > 0" for word in words]


def _any_name(asset: AssetType, test: str) -> str:
    own = f"({test.replace('a.name', 'd.name')})"
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


def _holds(plan: SearchPlan, condition: Condition, sql: _Sql) -> str:
    kind = f"kind = {condition.kind + (JOB_TERMS if plan.asset is AssetType.JOB else 0)}"
    if not condition.is_prefix:
        return f"{kind} AND term = ANY({sql.argument(list(condition.terms), 'text[]')})"
    (prefix,) = condition.terms
    low, high = sql.argument(prefix, "text"), sql.argument(prefix + _LAST_CHARACTER, "text")
    return f"{kind} AND term >= {low} AND term < {high}"
