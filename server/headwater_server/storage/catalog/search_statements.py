"""The statements of a search; `search` says which of them are run.

They are made for a shape: what is searched for without its values, which the parameters stand for by their names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    exists,
    func,
    intersect,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from ...domain.catalog import AssetType
from ...domain.search import JOB_TERMS, TermKind
from ..statements import Statement, among, constant, given
from ..tables import datasets, terms
from .names import TABLES, is_shown, key_of

REMEMBERED = 512
"""How many statements of each sort are remembered."""
NOTHING_SKIPPED = constant(0)
"""As OFFSET it has rows be looked up one by one, for the planner would rather read a whole table."""


@dataclass(frozen=True, slots=True)
class SearchShape:
    """A search among assets of one type: the kind of each condition's terms, which of the conditions drive the search,
    how many words a name must have, and whether it is in one namespace.
    """

    asset: AssetType
    conditions: tuple[TermKind, ...]
    drivers: tuple[int, ...]
    words: int
    in_namespace: bool

    @property
    def is_by_name(self) -> bool:
        """Whether the assets to look at are found by their names."""
        return self.conditions[self.drivers[0]] is TermKind.NAME


def term_name(place: int) -> str:
    """The name of the parameter for the terms of a condition, or for its prefix."""
    return f"terms_{place}"


def end_name(place: int) -> str:
    """The name of the parameter for what no term with the prefix of a condition comes after."""
    return f"terms_end_{place}"


def word_name(place: int) -> str:
    """The name of the parameter for a word."""
    return f"word_{place}"


@lru_cache(REMEMBERED)
def count_terms(shape: SearchShape, limit: int) -> Statement:
    """How many terms each condition finds, as far as they are less than a limit: a column for each."""
    held = (
        select(constant(1)).select_from(terms).where(_holds(shape, place)).limit(constant(limit)).subquery()
        for place in range(len(shape.conditions))
    )
    return Statement(select(*(select(func.count()).select_from(found).scalar_subquery() for found in held)))


@lru_cache(REMEMBERED)
def drive(shape: SearchShape, limit: int) -> Statement:
    """The assets that hold the drivers and fit otherwise, in the order of names; datasets as they are shown."""
    holders = [select(terms.c.asset_id).where(_holds(shape, place)) for place in shape.drivers]
    held = (intersect(*holders) if len(holders) > 1 else holders[0]).subquery("held")
    table = TABLES[shape.asset].alias("a")
    words = _words(shape, table) if shape.is_by_name else []
    named = select(table).where(key_of(table) == held.c.asset_id, *words).offset(NOTHING_SKIPPED).lateral("named")
    source, asset = held.join(named, true()), named
    if shape.asset is AssetType.DATASET:
        other = datasets.alias("other")
        joined = select(other).where(
            other.c.dataset_id == named.c.canonical_id, named.c.canonical_id != named.c.dataset_id
        )
        own = select(*named.c).where(is_shown(named))
        asset = union_all(own.correlate(named), joined.correlate(named)).offset(NOTHING_SKIPPED).lateral("d")
        source = source.join(asset, true())
    place = (asset.c.name, key_of(asset))
    tests = [*_past(shape, asset), *_filters(shape, asset, skip_words=shape.is_by_name)]
    found = select(*place).select_from(source).where(*tests).distinct()
    return Statement(found.order_by(*place).limit(constant(limit)))


@lru_cache(REMEMBERED)
def walk(shape: SearchShape, names: int, limit: int) -> Statement:
    """The assets that fit among so many names."""
    walked = _names(shape).limit(constant(names)).subquery("d")
    tests = _filters(shape, walked, skip_words=False)
    return Statement(select(walked.c.name, key_of(walked)).where(true(), *tests).limit(constant(limit)))


@lru_cache(REMEMBERED)
def end_of_walk(shape: SearchShape, names: int) -> Statement:
    """The last of so many names; nothing where there are fewer."""
    walked = _names(shape).offset(constant(names - 1)).limit(constant(1)).subquery("d")
    return Statement(select(walked.c.name, key_of(walked)))


def _names(shape: SearchShape) -> Select[tuple[object, ...]]:
    """Assets in the order of names; of datasets what `tables.datasets_shown` holds, so that only the index is read."""
    table = TABLES[shape.asset]
    joined = [table.c.canonical_id] if shape.asset is AssetType.DATASET else []
    place = (table.c.name, key_of(table))
    return select(*place, *joined).where(*_past(shape, table)).order_by(*place)


def _past(shape: SearchShape, asset: FromClause) -> list[ColumnElement[bool]]:
    """Past a place, in the namespace that is searched, and no other name of a dataset that is shown under another."""
    tests = [
        tuple_(asset.c.name, key_of(asset)) > tuple_(given("name", asset.c.name), given("id", key_of(asset))),
    ]
    if shape.asset is AssetType.DATASET:
        tests.append(is_shown(asset))
    if shape.in_namespace:
        tests.append(asset.c.namespace_id == given("namespace", asset.c.namespace_id))
    return tests


def _filters(shape: SearchShape, asset: FromClause, *, skip_words: bool) -> list[ColumnElement[bool]]:
    """What can be told of an asset without looking at what was said of it; of a dataset by any of its names."""
    found = [] if skip_words or not shape.words else [_has_words(shape, asset)]
    exact = (place for place, kind in enumerate(shape.conditions) if not kind.is_prefix and place not in shape.drivers)
    return found + [_has_term(shape, asset, place) for place in exact]


def _has_words(shape: SearchShape, asset: FromClause) -> ColumnElement[bool]:
    own = and_(*_words(shape, asset))
    other = datasets.alias("a")
    return own if shape.asset is AssetType.JOB else or_(own, _of_other_name(asset, other, _words(shape, other)))


def _has_term(shape: SearchShape, asset: FromClause, place: int) -> ColumnElement[bool]:
    held = select(constant(1)).select_from(terms).where(_holds(shape, place), terms.c.asset_id == key_of(asset))
    own = exists(held.offset(NOTHING_SKIPPED).correlate(asset))
    if shape.asset is AssetType.JOB:
        return own
    other = datasets.alias("a")
    by_term = exists().where(_holds(shape, place), terms.c.asset_id == other.c.dataset_id).correlate(other)
    return or_(own, _of_other_name(asset, other, [by_term]))


def _of_other_name(asset: FromClause, other: FromClause, tests: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    """That another name of a dataset fits."""
    found = select(constant(1)).select_from(other).where(other.c.canonical_id == key_of(asset), *tests)
    return and_(asset.c.canonical_id.is_not(None), exists(found.offset(NOTHING_SKIPPED).correlate(asset)))


def _words(shape: SearchShape, asset: FromClause) -> list[ColumnElement[bool]]:
    """That a name has the words somewhere."""
    name = asset.c.name
    return [func.strpos(func.lower(name), given(word_name(n), name)) > constant(0) for n in range(shape.words)]


def _holds(shape: SearchShape, place: int) -> ColumnElement[bool]:
    """That a term is one of those of a condition."""
    kind = shape.conditions[place]
    of_kind = terms.c.kind == constant(kind + (JOB_TERMS if shape.asset is AssetType.JOB else 0))
    if not kind.is_prefix:
        return and_(of_kind, among(terms.c.term, term_name(place)))
    low, high = given(term_name(place), terms.c.term), given(end_name(place), terms.c.term)
    return and_(of_kind, terms.c.term >= low, terms.c.term < high)
