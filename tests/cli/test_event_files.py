"""Files of events: what is found in them, byte for byte."""

import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater_cli.event_files import BadFile, FoundEvent, read_events, split_values

words = st.text('ab\\"[]{}, \n', max_size=5)
values = st.recursive(
    words | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)
)


def found(text: bytes) -> list[FoundEvent]:
    return list(read_events(io.BufferedReader(io.BytesIO(text))))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "events"),
    [
        pytest.param(b'{"a": 1.10}', [("line 1", b'{"a": 1.10}')], id="one object on a line"),
        pytest.param(b'{\n "a": 1.10\n}\n', [("event 1", b'{\n "a": 1.10\n}')], id="one object on many lines"),
        pytest.param(b'{"a": 1}\n\n {"b": 2} \n', [("line 1", b'{"a": 1}'), ("line 3", b'{"b": 2}')], id="a line each"),
        pytest.param(
            b'{"a": 1}\nbroken\n', [("line 1", b'{"a": 1}'), ("line 2", b"broken")], id="a line that is no JSON"
        ),
        pytest.param(b'[{"a":1e5} ,\n{"b":2}]', [("event 1", b'{"a":1e5}'), ("event 2", b'{"b":2}')], id="an array"),
        pytest.param(
            b'{\n"a":1}\n{\n"b":2}', [("event 1", b'{\n"a":1}'), ("event 2", b'{\n"b":2}')], id="one after another"
        ),
        pytest.param(b"\xef\xbb\xbf\n[1]", [("event 1", b"1")], id="a byte order mark"),
        pytest.param(b" \n", [], id="nothing"),
        pytest.param(b"[]", [], id="an empty array"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_events_are_found(text: bytes, events: list[tuple[str, bytes]], pack: type[bytes]) -> None:
    assert found(pack(text)) == events


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"hello", "is not JSON"),
        (b'[{"a": 1} {"b": 2}]', "Expecting ',' delimiter"),
        (b'[{"a": 1}', "is not JSON"),
        (b'[{"a": 1},', "is not JSON"),
        (b"[" * 100_000, "is nested too deep"),
        (b"\xff\xfe", "is not UTF-8"),
        (gzip.compress(b'{"a": 1}\n' * 1000, mtime=0)[:60], "is damaged gzip"),
        (b"\x1f\x8bnope", "is damaged gzip"),
    ],
)
def test_what_holds_no_events_is_refused(text: bytes, problem: str) -> None:
    with pytest.raises(BadFile, match=problem):
        found(text)


@given(st.lists(values, max_size=4), st.sampled_from([None, 1]))
def test_the_items_of_an_array_are_what_was_put_into_it(items: list[object], indent: int | None) -> None:
    assert [json.loads(text) for text in split_values(json.dumps(items, indent=indent))] == items
