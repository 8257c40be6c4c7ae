"""The pure parts of the catalogue."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater_server.domain.assets import Said, merge_facets
from headwater_server.domain.catalog_places import RunPlace
from headwater_server.domain.errors import InvalidField, InvalidPageToken
from headwater_server.domain.hiding import Deletion, DeletionKind, hidden_since
from headwater_server.domain.kinds import dataset_kind, possible_kinds
from headwater_server.domain.model import AssetName, DatasetKind, OrderKey
from headwater_server.domain.pages import open_page
from headwater_server.domain.search import Term, TermKind, fits_name, name_terms, word_term
from headwater_server.domain.versions import format_version, parse_version

NAME_LETTERS = st.one_of(st.sampled_from("abAB12._-/"), st.characters(codec="utf-8", exclude_characters="\0"))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def facets(**values: Any) -> dict[str, msgspec.Raw]:
    """Facets as they are kept."""
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in values.items()}


def after(hours: float) -> datetime:
    """So many hours after noon."""
    return NOON + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("namespace", "given_facets", "kind"),
    [
        ("postgres://db:5432", {}, DatasetKind.TABLE),
        ("kafka://broker:9092", {}, DatasetKind.TOPIC),
        ("s3://bucket", {}, DatasetKind.FILE),
        ("file", {}, DatasetKind.FILE),
        ("models", {}, DatasetKind.DATASET),
        ("mlflow", {}, DatasetKind.MODEL),
        ("https://serving.example.com", {}, DatasetKind.ENDPOINT),
        ("team", {}, DatasetKind.DATASET),
        ("s3://bucket", {"datasetType": {"datasetType": "Materialized view"}}, DatasetKind.VIEW),
        ("s3://bucket", {"datasetType": {"datasetType": "surprise"}}, DatasetKind.FILE),
        ("s3://bucket", {"datasetType": {"datasetType": 7}}, DatasetKind.FILE),
        ("s3://bucket", {"storage": {"storageLayer": "Iceberg"}}, DatasetKind.TABLE),
        ("s3://bucket", {"catalog": {"framework": "delta"}}, DatasetKind.TABLE),
        ("s3://bucket", {"headwater_model": {}}, DatasetKind.MODEL),
        ("s3://bucket", {"headwater_features": {}}, DatasetKind.FEATURE_TABLE),
        ("s3://bucket", {"headwater_model": {"_deleted": True}}, DatasetKind.FILE),
        ("s3://bucket", {"tags": {"tags": [{"key": "kind", "value": "feature_table"}]}}, DatasetKind.FEATURE_TABLE),
        ("s3://bucket", {"tags": {"tags": [{"key": "model"}]}}, DatasetKind.MODEL),
        ("s3://bucket", {"tags": {"tags": [{"key": "model", "field": "x"}]}}, DatasetKind.FILE),
    ],
)
def test_kind_is_told_by_facets_else_by_the_name(namespace: str, given_facets: Any, kind: DatasetKind) -> None:
    name = AssetName(namespace, "name")
    assert dataset_kind([name], facets(**given_facets)) is kind
    assert kind in possible_kinds(name, facets(**given_facets))


def test_file_with_the_name_of_a_table_is_a_table() -> None:
    names = [AssetName("s3://lake", "users"), AssetName("hive://metastore", "users")]
    assert dataset_kind(names, {}) is DatasetKind.TABLE


@given(st.permutations(range(5)))
def test_of_each_facet_the_last_one_holds_in_any_order(order: list[int]) -> None:
    said = [
        Said(OrderKey(after(0), 1, b"a"), facets(x=1, y=1)),
        Said(OrderKey(after(0), 3, b"a"), facets(x=2)),
        Said(OrderKey(after(0), 3, b"b"), facets(x={"n": 3}, z={})),
        Said(OrderKey(after(1), 0, b"a"), facets(z={"_deleted": True}, w=None)),
        Said(OrderKey(after(-1), 3, b"z"), facets(x=4, w=4)),
    ]
    merged = merge_facets(said[place] for place in order)
    assert {name: facet.json for name, facet in merged.items()} == {"x": b'{"n":3}', "y": b"1"}


@pytest.mark.parametrize(
    ("deletions", "mention", "hidden"),
    [
        ([], 0, None),
        ([(1, "DELETE")], 0, 1),
        ([(1, "DROP")], 1, 1),
        ([(1, "DELETE")], 2, None),
        ([(1, "DELETE"), (3, "DROP")], 0, 1),
        ([(1, "DELETE"), (3, "DROP")], 2, 3),
        ([(1, "DELETE"), (1, "UNDELETE")], 0, None),
        ([(1, "DELETE"), (2, "UNDELETE"), (3, "DELETE")], 0, 3),
        ([(11, "DELETE")], 0, None),
        ([(1, "DELETE"), (11, "UNDELETE")], 0, 1),
    ],
)
def test_asset_is_hidden_from_a_deletion_on_until_it_is_mentioned_or_undeleted(
    deletions: list[tuple[int, str]], mention: int, hidden: int | None
) -> None:
    known = [Deletion(after(hours), DeletionKind[kind]) for hours, kind in deletions]
    expected = None if hidden is None else after(hidden)
    assert hidden_since(known, [after(mention)], after(10)) == expected


def test_terms_are_a_name_and_its_rest_from_each_part_on() -> None:
    terms = name_terms(AssetName("ns", "prod.UserChurn_v2"))
    rests = {Term(TermKind.NAME, text) for text in ("prod.userchurn_v2", "userchurn_v2", "churn_v2", "v2", "2")}
    assert terms == rests | {Term(TermKind.TAIL, "userchurn_v2")}
    assert Term(TermKind.NAME, "_private") in name_terms(AssetName("ns", "_private"))


@given(st.text(NAME_LETTERS, min_size=1, max_size=40), st.integers(0, 40), st.integers(1, 80))
def test_word_that_fits_a_name_is_found_by_a_term(name: str, start: int, size: int) -> None:
    word = name[start : start + size]
    if word and fits_name(word, name):
        terms = [term for term in name_terms(AssetName("ns", name)) if term.kind is TermKind.NAME]
        assert any(term.text.startswith(word_term(word)) for term in terms)


def test_names_made_of_hashes_and_very_long_names_have_few_terms() -> None:
    assert len(name_terms(AssetName("ns", "a1" * 1000))) <= 65
    assert max(len(term.text) for term in name_terms(AssetName("ns", "x" * 2000))) == 64


@given(st.integers(-(2**63), 2**63 - 1))
def test_version_is_written_in_16_digits_and_read_again(version: int) -> None:
    assert parse_version(format_version(version)) == version
    assert len(format_version(version)) == 16


def test_page_token_belongs_to_its_request() -> None:
    here = RunPlace(NOON, uuid.UUID(int=7))
    page = open_page(0, "", RunPlace, "list", "a")
    assert (page.size, page.after) == (50, None)
    token = page.token(here)
    assert open_page(2000, token, RunPlace, "list", "a").after == here
    assert open_page(2000, token, RunPlace, "list", "a").size == 1000
    assert page.token(None) == ""
    for wrong in (token[:-2], token + "AA", "x", "!", "ü", token[::-1]):
        with pytest.raises(InvalidPageToken):
            open_page(1, wrong, RunPlace, "list", "a")
    with pytest.raises(InvalidPageToken):
        open_page(1, token, RunPlace, "list", "b")
    with pytest.raises(InvalidField):
        open_page(-1, "", RunPlace)
