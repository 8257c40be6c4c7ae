"""Statements are made once for what a request asks for, and never hold its values."""

from __future__ import annotations

from sqlalchemy import select

from headwater_server.domain.catalog import AssetType
from headwater_server.domain.search_query import SearchQuery
from headwater_server.storage.catalog.search import SearchPlan, shape_of, values_of
from headwater_server.storage.catalog.search_statements import walk
from headwater_server.storage.statements import Statement, among
from headwater_server.storage.tables import jobs

from .conftest import Catalog


def plan(*words: str, tag: str) -> SearchPlan:
    """A search for datasets."""
    query = SearchQuery(words=words, tag=tag, namespace="db")
    return SearchPlan(query, AssetType.DATASET, query.conditions())


def test_searches_that_differ_in_values_run_the_same_statement() -> None:
    one, other = plan("churn", tag="pii"), plan("clicks", tag="gold")
    assert walk(shape_of(one), 10, 5) is walk(shape_of(other), 10, 5)
    assert values_of(one) != values_of(other)
    text = walk(shape_of(one), 10, 5).text
    assert "churn" not in text
    assert "pii" not in text


def test_searches_that_ask_for_other_things_run_other_statements() -> None:
    assert shape_of(plan("churn", tag="pii")) != shape_of(plan("churn", "clicks", tag="pii"))
    assert shape_of(plan("churn", tag="pii")) != shape_of(plan("churn", tag=""))


async def test_values_are_given_by_name_and_others_left_aside(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1")
    statement = Statement(select(jobs.c.name).where(among(jobs.c.name, "names")))
    async with catalog.database.reading(5) as connection:
        assert await statement.fetch_value(connection, names=["load"], other=1) == "load"
        assert await statement.fetch_row(connection, names=["none"]) is None
