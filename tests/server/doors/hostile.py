"""What hostile clients send: strategies for names, messages of any method, their JSON, and events."""

from __future__ import annotations

import gzip
from datetime import UTC
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from ..broken_events import RUN, broken_events

OUT = "namespaces/db/datasets/out"
KNOWN = (
    *(OUT, f"{OUT}/versions/latest", f"{OUT}/writes/{RUN}", "namespaces/db/datasets/in", "namespaces/team/jobs/job"),
    *("namespaces/team/jobs/job/versions/latest", f"runs/{RUN}", "namespaces/db", "namespaces/-"),
    *("db/out", "out@latest", "out#a.b", "alias", "job", RUN, "pii=yes"),
)
"""What finds something once that event is written, so that a hostile client comes further than the first look-up."""
HOSTILE = (
    *("", "\0", "a\0b", " ", "\n", "\x7f", "\u202e", "\U0001f4a9", "é" * 300, "x" * 5000, "/" * 300, "a/" * 200),
    *("namespaces/a%00/datasets/b", "namespaces/%FF", "namespaces//jobs/x", "runs/", "runs/%2F", "namespaces/%2D"),
    *(f"{OUT}/versions/", f"{OUT}/versions/\u0661", f"{OUT}/versions/{'f' * 40}", f"{OUT}/writes/nobody"),
    *("out@", "out@a@b", "out#a@b", "out##", "@latest", "#a", "\\@", "db/out@" + "9" * 100, "out@" + "f" * 16),
    *("../../etc/passwd", "' OR 1=1 --", "%", "_", "a%b_c\\", "latest", "-1", "1e999", "9" * 19, "9" * 30, "NaN"),
)
texts = st.one_of(st.sampled_from(KNOWN), st.sampled_from(HOSTILE), st.text(max_size=20))
JUNK = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.builds(list), st.builds(dict)),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)
_numbers = st.sampled_from([0, 1, 2, -(2**63), 2**63 - 1, 2**63, 2**64 - 1])
_times = st.datetimes(timezones=st.just(UTC)) | st.datetimes()
places = st.one_of(
    st.tuples(texts),
    st.tuples(texts, _numbers),
    st.tuples(texts, _numbers, _numbers),
    st.tuples(_times, st.uuids()),
    st.tuples(_times, _numbers),
    st.tuples(texts, _numbers, texts, _numbers, _times, st.booleans()),
    st.lists(texts | _numbers, max_size=3).map(tuple),
)
"""What a page token may hold, right or wrong, if a client makes it itself."""
NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: st.sampled_from([0, 1, 2, 50, -1, 2**31 - 1, -(2**31)]),
    FieldDescriptor.CPPTYPE_INT64: st.sampled_from([0, 1, -1, 253402300799, 253402300800, -62135596800, 2**63 - 1]),
    FieldDescriptor.CPPTYPE_UINT64: st.sampled_from([0, 1, 2**64 - 1]),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    FieldDescriptor.CPPTYPE_ENUM: st.integers(-1, 12),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}
DEPTH = 6


def messages(kind: Descriptor, depth: int = DEPTH) -> st.SearchStrategy[Message]:
    """Messages of a kind with anything in any field."""

    @st.composite
    def message(draw: st.DrawFn) -> Message:
        made = GetMessageClass(kind)()
        fields = draw(st.lists(st.sampled_from(tuple(kind.fields)), unique=True)) if depth and kind.fields else []
        for field in fields:
            value = draw(_values(field, depth - 1))
            if isinstance(value, dict):
                getattr(made, field.name).update(value)
            elif field.is_repeated:
                getattr(made, field.name).extend(value)
            elif field.message_type:
                getattr(made, field.name).CopyFrom(value)
            else:
                setattr(made, field.name, value)
        return made

    return message()


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    """Values of a field, repeated as it is."""
    inner = field.message_type
    if inner and inner.GetOptions().map_entry:
        return st.dictionaries(texts, _values(inner.fields_by_name["value"], depth), max_size=2)
    if inner:
        one: st.SearchStrategy[Any] = messages(inner, depth)
    elif field.type == FieldDescriptor.TYPE_BYTES:
        one = st.sampled_from([b"", b"{}", b"{", b"[1]", b"\xff"]) | broken_events(JUNK)
    else:
        one = texts if field.cpp_type == FieldDescriptor.CPPTYPE_STRING else NUMBERS[field.cpp_type]
    return st.lists(one, max_size=2) if field.is_repeated else one


def json_requests(kind: Descriptor, depth: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with the names of a message's fields, and anything under them."""
    values = {
        field.json_name: st.one_of(json_requests(field.message_type, depth - 1) if field.message_type else texts, JUNK)
        for field in kind.fields
        if depth
    }
    return st.fixed_dictionaries({}, optional=values)


@st.composite
def broken_gzips(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """A compressed body, most often with some bytes of it changed or cut off."""
    packed = gzip.compress(draw(bodies), 1, mtime=0)
    at = draw(st.integers(0, len(packed)))
    return draw(st.sampled_from([packed, packed[:at], packed[:at] + draw(st.binary(max_size=3)) + packed[at + 1 :]]))
