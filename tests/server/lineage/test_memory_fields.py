"""Lineage between fields is answered from memory as the store answers it; or left to the store that knows more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.v1 import lineage_service_pb2 as messages
from headwater_server.domain import ids
from headwater_server.domain.graph import StoredFieldLink
from headwater_server.domain.hiding import Deletion, DeletionKind
from headwater_server.domain.lineage import FOREVER
from headwater_server.storage.database import Database
from headwater_server.storage.graph import memory as graph_memory
from headwater_server.storage.graph.copied import OutOfRoom
from headwater_server.storage.graph.memory import Wanted
from headwater_server.storage.graph_changes import Changed, note_changes

from .conftest import BOTH, DOWN, Lineage, at, columns, dataset, table
from .memory_pair import Pair
from .rows import Connection, Rows, job
from .rows import dataset as dataset_id

MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
SIZE, JOB_COUNT = 4, 2
PATHS = ["", "a", "b", "é"]
numbers = st.integers(0, SIZE - 1)
names = st.tuples(numbers.map(dataset_id), st.sampled_from(PATHS))


@st.composite
def dense_rows(draw: st.DrawFn) -> Rows:
    """Few fields with many links, several between the same ends, and datasets as a whole among them."""
    link = st.builds(
        lambda source, target, through, direct, interval: StoredFieldLink(source, target, through, direct, *interval),
        *(names, names, st.integers(0, JOB_COUNT - 1).map(job), st.booleans()),
        st.sampled_from([(0, FOREVER), (0, FOREVER), (10, FOREVER), (0, 10), (10, 20), (5, 25)]),
    )
    links = draw(st.lists(link, min_size=4, max_size=30, unique_by=lambda link: (*link[:4], link.since)))
    deleted = draw(st.sets(st.one_of(numbers.map(dataset_id), st.integers(0, JOB_COUNT - 1).map(job)), max_size=1))
    return Rows(SIZE, JOB_COUNT, field_links=links, deleted=deleted)


def field_level(*roots: str, field: str = "", **asked: Any) -> messages.Traversal:
    """A walk between fields."""
    return messages.Traversal(roots=list(map(dataset, roots)), level=messages.LEVEL_FIELD, field=field, **asked)


@MANY
@given(
    rows=dense_rows(),
    starts=st.sets(numbers, min_size=1, max_size=2),
    field=st.sampled_from(PATHS),
    direction=st.integers(1, 3),
    depth=st.sampled_from([1, 2, 3, 100]),
    nodes=st.sampled_from([2, 3, 5, 100]),
    time=st.sampled_from([None, None, 7, 22]),
    direct=st.booleans(),
)
async def test_on_graphs_of_any_shape(
    connection: Connection,
    pair: Pair,
    rows: Rows,
    starts: set[int],
    field: str,
    direction: int,
    depth: int,
    nodes: int,
    time: int | None,
    direct: bool,
) -> None:
    await rows.write(connection)
    await read_fields(pair)
    traversal = field_level(
        *(f"d{number}" for number in sorted(starts)),
        field=field,
        direction=direction,
        max_depth=depth,
        max_nodes=nodes,
        exclude_indirect=direct,
    )
    if time is not None:
        traversal.as_of.nanos = time * 1000
    before, fields = pair.recalled, {end for link in rows.field_links for end in link[:2]}
    await pair.check(traversal)
    assert pair.recalled > before or not fields.issuperset((dataset_id(start), field) for start in starts)


async def read_fields(pair: Pair) -> None:
    """Has the graph read with its fields."""
    pair.memory.want_fields()
    await pair.memory._load()


async def recalled(pair: Pair, traversal: messages.Traversal) -> bool:
    """Whether a question is answered from memory; it is always answered as the store does."""
    before = pair.recalled
    await pair.check(traversal)
    return pair.recalled > before


@pytest_asyncio.fixture
async def known(lineage: Lineage, pair: Pair) -> Lineage:
    """A chain of fields a.x -> b.y -> c.z, and one apart, all in memory."""
    await lineage.run(1, "first", "r1", reads=["a"], writes=[table("b", columnLineage=columns(y=[("a", "x")]))])
    await lineage.run(2, "second", "r2", reads=["b"], writes=[table("c", columnLineage=columns(z=[("b", "y")]))])
    await lineage.run(2, "apart", "r3", reads=["d"], writes=[table("e", columnLineage=columns(w=[("d", "v")]))])
    await read_fields(pair)
    assert await recalled(pair, field_level("a", field="x", direction=DOWN))
    return lineage


async def test_fields_are_read_once_somebody_asks_about_them_before_all_kinds_are_known(
    lineage: Lineage, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_memory, "KINDS_AT_ONCE", 1)
    monkeypatch.setattr(graph_memory, "KINDS_PAUSE_SECONDS", 0.5)
    await lineage.run(1, "first", "r1", reads=["a"], writes=[table("b", columnLineage=columns(y=[("a", "x")]))])
    await lineage.run(1, "many", "r2", writes=[f"other{number}" for number in range(60)])
    asked = field_level("a", field="x", direction=DOWN)
    keeping = asyncio.create_task(pair.memory.keep())
    async with asyncio.timeout(20):
        while not await recalled(pair, asked):
            await asyncio.sleep(0.02)
    keeping.cancel()
    await asyncio.wait([keeping])


CHANGES: dict[str, Any] = {
    "a field that is made of one more": ("first", "a", "b", {"y": [("a", "x"), ("a", "other")]}),
    "a field that is no longer made of another": ("first", "a", "b", {"new": [("a", "x")]}),
    "one step more": ("third", "c", "f", {"u": [("c", "z")]}),
    "another way to the same": ("other", "a", "c", {"z": [("a", "x")]}),
    "a link between fields only": ("first", "a", "b", {"y": [("a", "x")], "more": [("a", "x")]}),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_what_changed_is_left_to_the_store_until_fields_are_read_again(
    known: Lineage, pair: Pair, what: str
) -> None:
    name, source, target, made = CHANGES[what]
    await known.run(5, name, "r5", reads=[source], writes=[table(target, columnLineage=columns(**made))])
    asked = field_level("a", field="x", direction=DOWN)
    assert await recalled(pair, field_level("d", field="v", direction=DOWN))
    assert pair.memory._fields is Wanted.READ
    assert not await recalled(pair, asked)
    assert pair.memory._fields is Wanted.YES
    await pair.memory._load()
    assert await recalled(pair, asked)


async def test_links_of_which_nothing_is_left_are_left_out(known: Lineage, pair: Pair, reading: Database) -> None:
    async with reading.transaction() as writing:
        for links in ("links", "field_links"):
            await writing.execute(f"DELETE FROM {links} WHERE job_id = $1", ids.job_id("team", "second"))
        await note_changes(writing, Changed.LINKS, [ids.job_id("team", "second")])
    assert not await recalled(pair, field_level("a", field="x", direction=DOWN))


async def test_a_dataset_that_was_deleted_since_is_left_out(known: Lineage, pair: Pair) -> None:
    await known.catalog.delete(ids.dataset_id("db", "b"), Deletion(at(4), DeletionKind.DELETE))
    asked = field_level("a", field="x", direction=DOWN)
    assert await recalled(pair, asked)
    found = await pair.check(asked)
    assert found
    assert [node.display_name for node in found.nodes] == ["a"]


async def test_datasets_of_several_names_are_left_to_the_store(known: Lineage, pair: Pair) -> None:
    joined = {"symlinks": {"identifiers": [{"namespace": "db", "name": "alias", "type": "TABLE"}]}}
    await known.run(5, "join", "r5", reads=[table("c", **joined)])
    await read_fields(pair)
    assert not await recalled(pair, field_level("a", field="x", direction=DOWN))
    assert await recalled(pair, field_level("d", field="v", direction=BOTH))
    assert not await recalled(pair, field_level("d", field="unknown", direction=BOTH))
    assert pair.memory._fields is Wanted.READ


async def test_a_whole_dataset_leads_on_to_its_fields(lineage: Lineage, pair: Pair) -> None:
    made = columns(whole=[("a", "filter")], y=[("a", "x")])
    await lineage.run(1, "first", "r1", reads=["a"], writes=[table("b", columnLineage=made)])
    await lineage.run(2, "second", "r2", reads=["b"], writes=[table("c", columnLineage=columns(z=[("b", "y")]))])
    await read_fields(pair)
    asked = field_level("a", field="filter", direction=DOWN)
    assert await recalled(pair, asked)
    found = await pair.check(asked)
    assert found
    assert [(node.display_name, node.field, node.depth) for node in found.nodes] == [
        ("a", "filter", 0),
        ("b", "", 1),
        ("b", "y", 1),
        ("c", "z", 2),
    ]


@pytest.mark.usefixtures("known")
async def test_where_fields_do_not_fit_datasets_are_answered_from_memory_all_the_same(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_fields_without_room(*_: Any) -> None:
        raise OutOfRoom

    monkeypatch.setattr(graph_memory, "read_fields", read_fields_without_room)
    await read_fields(pair)
    assert not await recalled(pair, field_level("a", field="x", direction=DOWN))
    assert await recalled(pair, messages.Traversal(roots=[dataset("a")], direction=DOWN))
    assert not pair.memory._is_due()


async def test_a_way_that_takes_much_to_tell_is_told(lineage: Lineage, pair: Pair) -> None:
    made = columns(y=[("a", "x")])
    made["fields"]["y"]["inputFields"][0]["transformations"] = [
        {"type": "DIRECT", "subtype": f"{number}", "description": "x" * 500_000} for number in range(5)
    ]
    await lineage.run(1, "first", "r1", reads=["a"], writes=[table("b", columnLineage=made)])
    await read_fields(pair)
    assert await recalled(pair, field_level("a", field="x", direction=DOWN))
