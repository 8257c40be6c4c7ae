"""Names: what is written is read again, and an address yields the asset that it was written for."""

import doctest
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater import names
from headwater.names import (
    DatasetName,
    DatasetVersionName,
    InvalidName,
    JobName,
    JobVersionName,
    NamespaceName,
    ResourceName,
    RunName,
    WriteName,
    address_candidates,
    dataset_name,
    format_address,
    job_name,
    parse_name,
)

anything = st.text(min_size=1)
tricky = st.text(alphabet=st.sampled_from("ab/\\@#:%.-\n ü"), min_size=1)
part = anything | tricky
every_name = st.one_of(
    st.builds(NamespaceName, part),
    st.builds(DatasetName, part, part),
    st.builds(DatasetVersionName, part, part, part),
    st.builds(WriteName, part, part, part),
    st.builds(JobName, part, part),
    st.builds(JobVersionName, part, part, part),
    st.builds(RunName, part),
)


@given(every_name)
def test_a_resource_name_that_is_written_is_read_again(name: ResourceName) -> None:
    assert parse_name(str(name)) == name
    assert type(name).parse(str(name)) == name


@given(every_name)
def test_a_resource_name_is_plain_ascii_segments(name: ResourceName) -> None:
    assert set(str(name)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%/")
    assert len(str(name).split("/")) == 2 * len(name.collections)


def test_every_byte_but_the_unreserved_is_encoded() -> None:
    name = DatasetName("postgres://host:5432", "shop.public.users ü~_-")
    assert str(name) == "namespaces/postgres%3A%2F%2Fhost%3A5432/datasets/shop.public.users%20%C3%BC~_-"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("namespaces", id="no segment"),
        pytest.param("namespaces/", id="empty segment"),
        pytest.param("namespaces/a/datasets", id="half a name"),
        pytest.param("namespaces/a/tables/b", id="unknown collection"),
        pytest.param("namespaces/a/datasets/b/runs/c", id="wrong nesting"),
        pytest.param("namespaces/a b", id="plain space"),
        pytest.param("namespaces/s3://b", id="plain slashes"),
        pytest.param("namespaces/a%2", id="half an escape"),
        pytest.param("namespaces/a%zz", id="no escape"),
        pytest.param("namespaces/%ff", id="not UTF-8"),
        pytest.param("namespaces/a\n", id="line break at the end"),
        pytest.param("runs/a/", id="slash at the end"),
    ],
)
def test_what_is_no_resource_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName) as caught:
        parse_name(text)
    assert caught.value.text == text


def test_a_name_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidName, match=r"namespaces/…/jobs/…"):
        JobName.parse("namespaces/a/datasets/b")


def test_names_of_two_kinds_are_never_equal() -> None:
    assert len({DatasetName("a", "b"), JobName("a", "b"), DatasetName("a", "b")}) == 2


@given(part, part, st.none() | part, st.none() | part)
def test_an_address_that_is_written_is_found_again(
    namespace: str, name: str, version: str | None, field: str | None
) -> None:
    address = address_candidates(format_address(namespace, name, version, field))
    assert (namespace, name) in address.splits
    assert (address.version, address.field) == (version, field)
    assert address.bare == f"{namespace}/{name}"


@given(tricky)
def test_every_split_joins_to_the_address_again(text: str) -> None:
    try:
        address = address_candidates(text)
    except InvalidName:
        return
    assert all(f"{namespace}/{name}" == address.bare and namespace and name for namespace, name in address.splits)
    assert len(address.splits) == address.bare[1:-1].count("/")


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("postgres://db:5432/shop.public.users", ("postgres://db:5432", "shop.public.users")),
        ("s3://bucket/raw/clicks", ("s3://bucket", "raw/clicks")),
        ("file//data/x", ("file", "/data/x")),
        ("bigquery/project.dataset.table", ("bigquery", "project.dataset.table")),
        ("k8s://cluster/ml/train", ("k8s://cluster/ml", "train")),
    ],
)
def test_an_address_as_people_write_it_holds_the_right_split(text: str, pair: tuple[str, str]) -> None:
    assert pair in address_candidates(text).splits


@pytest.mark.parametrize(
    ("text", "bare", "version", "field"),
    [
        ("users", "users", None, None),
        ("a/b@3", "a/b", "3", None),
        ("a/b#user.id", "a/b", None, "user.id"),
        ("a/b@2024-01-01/x#c", "a/b", "2024-01-01/x", "c"),
        (r"me\@home/b\#1@v\@2", "me@home/b#1", "v@2", None),
        (r"C:\data\x/y", r"C:\data\x/y", None, None),
        (r"a/b\\@3", "a/b\\", "3", None),
        (r"a/b\\\@3", "a/b\\@3", None, None),
    ],
)
def test_version_and_field_are_cut_off(text: str, bare: str, version: str | None, field: str | None) -> None:
    address = address_candidates(text)
    assert (address.bare, address.version, address.field) == (bare, version, field)


@pytest.mark.parametrize("text", ["", "@3", "#f", "a/b@", "a/b#", "a/b@1@2", "a/b#f@1", "a#b#c", "a/b@#f", "/" * 300])
def test_an_address_with_two_meanings_or_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        address_candidates(text)


@pytest.mark.parametrize(
    ("given_as", "namespace", "name"),
    [
        ("s3://bucket/raw/x@1#2.csv", "s3://bucket", "raw/x@1#2.csv"),
        ("postgres://h:5432/db.s.t", "postgres://h:5432", "db.s.t"),
        ("abfss://c@account/path", "abfss://c@account", "path"),
        ("hdfs://namenode:8020/warehouse/t", "hdfs://namenode:8020", "/warehouse/t"),
        ("/data/x", "file", "/data/x"),
        ("file:///data/x", "file", "/data/x"),
        ("file://host/data/x", "file://host", "data/x"),
        ("file//data/x", "file", "/data/x"),
        ("bigquery/p.d.t", "bigquery", "p.d.t"),
        (Path("/data/x"), "file", "/data/x"),
        (("any where", "at/all"), "any where", "at/all"),
    ],
)
def test_a_dataset_is_split_as_its_producer_means_it(
    given_as: str | Path | tuple[str, str], namespace: str, name: str
) -> None:
    assert dataset_name(given_as) == DatasetName(namespace, name)


@pytest.mark.parametrize("given_as", ["clicks", "", "s3://bucket", "s3://bucket/", "team/", ("", "x"), ("x", "")])
def test_a_dataset_without_namespace_or_name_is_refused(given_as: str | tuple[str, str]) -> None:
    with pytest.raises(InvalidName):
        dataset_name(given_as)


def test_the_last_slash_ends_the_namespace_of_a_job() -> None:
    assert job_name("k8s://cluster/ml/train") == JobName("k8s://cluster/ml", "train")
    assert job_name("train", "team") == JobName("team", "train")
    assert job_name(("team", "a/b")) == JobName("team", "a/b")
    with pytest.raises(InvalidName):
        job_name("train")


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(names) == doctest.TestResults(failed=0, attempted=doctest.testmod(names).attempted)
    assert doctest.testmod(names).attempted > 5
