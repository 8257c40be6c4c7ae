"""Names as people read them."""

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.names import DatasetName, address_candidates
from headwater_cli.words import address, block, line


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    assert {category(each) for each in line(text)}.isdisjoint({"Cc", "Zl", "Zp"})
    assert {category(each) for each in block(text) if each not in "\n\t"}.isdisjoint({"Cc", "Zl", "Zp"})
    assert "\u202e" not in line(text) + block(text)


@given(st.text(min_size=1), st.text(min_size=1))
def test_an_address_finds_its_dataset_again(namespace: str, name: str) -> None:
    if namespace.count("/") + name.count("/") < 200:
        written = address(str(DatasetName(namespace, name)))
        assert (namespace, name) in address_candidates(written).splits


@pytest.mark.parametrize(
    ("resource", "written"),
    [
        ("namespaces/team/jobs/train", "team/train"),
        ("namespaces/team/jobs/train/versions/1", "team/train"),
        ("runs/0193", "0193"),
        ("namespaces/team", "team"),
        ("what/ever", "what/ever"),
    ],
)
def test_every_kind_of_name_has_an_address(resource: str, written: str) -> None:
    assert address(resource) == written
