"""Finds where assets stand that have all of some terms, in the order of names.

Where few assets hold one of the conditions, those are looked at. Where every condition is held by many, assets are
looked at in the order of their names, for a page is likely found soon; if not, those that hold the rarest condition are
looked at after all. Where even those are too many, the walk goes on and stops after so many names; the next page takes
it up again.
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
from .search_statements import SearchShape, count_terms, drive, end_name, end_of_walk, term_name, walk, word_name

FEW = 5_000
"""How many terms a condition may find for the assets that have them to be looked at first."""
MANY = 150_000
"""How many terms a condition may find for the assets that have them to be looked at at all."""
FIRST_WALK = 10_000
"""How many names are looked at before anything else is tried."""
LONG_WALK = 25_000
"""How many names are looked at before a walk stops."""
_LAST_CHARACTER = "\U0010ffff"


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
        reading their terms. None where each is held by many.
        """
        if self.limit == FEW or not self.rare or self.rare[0].kind is not TermKind.NAME:
            return self.rare[:1]
        return [condition for condition in self.rare if condition.kind is TermKind.NAME]


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
    row = await count_terms(shape_of(plan), limit).fetch_row(connection, **values_of(plan))
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
    rows = await drive(shape_of(plan), part.limit).fetch(connection, **_values(plan, part))
    places = [NamePlace(row[0], plan.asset, row[1]) for row in rows]
    return Slice(places, places[-1] if len(places) == part.limit else None)


async def _walk(connection: Connection, plan: SearchPlan, part: _Part, names: int) -> Slice:
    """Looks at so many names, in their order."""
    shape, values = shape_of(plan), _values(plan, part)
    rows = await walk(shape, names, part.limit).fetch(connection, **values)
    places = [NamePlace(row[0], plan.asset, row[1]) for row in rows]
    if len(places) == part.limit:
        return Slice(places, places[-1])
    row = await end_of_walk(shape, names).fetch_row(connection, **values)
    return Slice(places, NamePlace(row[0], plan.asset, row[1]) if row else None)


def shape_of(plan: SearchPlan) -> SearchShape:
    """What the statements of a search depend on."""
    return SearchShape(
        asset=plan.asset,
        conditions=tuple(condition.kind for condition in plan.conditions),
        drivers=tuple(plan.conditions.index(condition) for condition in plan.drivers),
        words=len(_words(plan)),
        in_namespace=plan.query.namespace is not None,
    )


def values_of(plan: SearchPlan) -> dict[str, object]:
    """The values of the parameters that stand for what is searched for."""
    values: dict[str, object] = {word_name(place): word for place, word in enumerate(_words(plan))}
    for place, condition in enumerate(plan.conditions):
        values[term_name(place)] = condition.terms[0] if condition.kind.is_prefix else list(condition.terms)
        values[end_name(place)] = condition.terms[0] + _LAST_CHARACTER
    if plan.query.namespace is not None:
        values["namespace"] = ids.namespace_id(plan.query.namespace)
    return values


def _values(plan: SearchPlan, part: _Part) -> dict[str, object]:
    return {**values_of(plan), "name": part.after.name, "id": part.start(plan.asset)}


def _words(plan: SearchPlan) -> list[str]:
    """The words that can be looked for in names: lower() knows no other letters in this collation."""
    return [word for word in plan.query.words if word.isascii()]
