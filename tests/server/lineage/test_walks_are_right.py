"""What SQL answers is what the oracle answers, on graphs of any shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater_server.domain.graph import Lineage, StoredFieldLink, dataset_leads, field_leads, job_leads
from headwater_server.domain.lineage import Answer, Direction, Level, Traversal, Truncation
from headwater_server.storage.lineage.store import LineageStore
from headwater_server.usecases import lineage as usecase
from headwater_server.usecases.lineage import get_lineage

from .graphs import MAX, SETTINGS, expected, field_key_of, key_of, numbers, root_of, rows, told
from .rows import Connection, Rows, dataset, job, time_of


@pytest.fixture(params=[True, False], ids=["at once", "page by page"])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether links are fetched at once, or so few at a time that every hop is a wide one."""
    if not request.param:
        monkeypatch.setattr(usecase, "LEAST_AT_ONCE", 2)
        monkeypatch.setattr(usecase, "MOST_AT_ONCE", 2)
    return bool(request.param)


def check(answer: Answer, oracle: Lineage, key: Any, *, at_once: bool) -> None:
    """That an answer is what the oracle says; of a wide hop it may only fear that there is more."""
    depths, links = told(answer, key)
    assert depths == oracle.depths
    assert links == oracle.links
    reasons = {Truncation.MAX_DEPTH} if oracle.is_deeper else set()
    assert set(answer.summary.reasons) == reasons or (not at_once and answer.summary.reasons == (Truncation.MAX_DEPTH,))
    assert [node.depth for node in answer.part.nodes] == sorted(depths.values()) or key is field_key_of


@pytest.mark.parametrize("level", [Level.DATASET, Level.JOB])
@SETTINGS
@given(
    rows=rows(),
    starts=st.sets(st.one_of(numbers.map(dataset), numbers.map(dataset), numbers.map(job)), min_size=1, max_size=2),
    direction=st.sampled_from(Direction),
    depth=st.integers(1, 5),
    time=st.sampled_from([None, 7, 22]),
    stated=st.booleans(),
)
async def test_between_datasets_and_between_jobs(
    connection: Connection,
    store: LineageStore,
    at_once: bool,
    level: Level,
    rows: Rows,
    starts: set[int],
    direction: Direction,
    depth: int,
    time: int | None,
    stated: bool,
) -> None:
    await rows.write(connection)
    asked = Traversal(
        roots=tuple(map(root_of, starts)),
        level=level,
        direction=direction,
        max_depth=depth,
        as_of=None if time is None else time_of(time),
        exclude_inferred=stated,
    )
    graph = rows.graph(time)
    roots = {rows.shown.get(start, start) for start in starts}
    leads = {
        way: dataset_leads(graph, roots, way, exclude_inferred=stated)
        if level is Level.DATASET
        else job_leads(graph, roots, way)
        for way in (True, False)
    }
    check(await get_lineage(store, asked, 30), expected(roots, direction, leads, depth), key_of, at_once=at_once)


@SETTINGS
@given(
    rows=rows(with_fields=True),
    start=st.tuples(numbers.map(dataset), st.sampled_from(["", "a"])),
    direction=st.sampled_from(Direction),
    depth=st.integers(1, 5),
    time=st.sampled_from([None, 7, 22]),
    direct=st.booleans(),
)
async def test_between_fields(
    connection: Connection,
    store: LineageStore,
    at_once: bool,
    rows: Rows,
    start: tuple[int, str],
    direction: Direction,
    depth: int,
    time: int | None,
    direct: bool,
) -> None:
    rows.field_links.append(StoredFieldLink(start, (dataset(MAX), "z"), job(MAX), until=1))
    await rows.write(connection)
    asked = Traversal(
        roots=(root_of(start[0]),),
        level=Level.FIELD,
        field=start[1],
        direction=direction,
        max_depth=depth,
        as_of=None if time is None else time_of(time),
        exclude_indirect=direct,
    )
    graph = rows.graph(time)
    roots = [(rows.shown.get(start[0], start[0]), start[1])]
    leads = {way: field_leads(graph, roots, way, exclude_indirect=direct) for way in (True, False)}
    oracle = expected(roots, direction, leads, depth)
    answer = await get_lineage(store, asked, 30)
    if at_once:
        check(answer, oracle, field_key_of, at_once=True)
    else:
        depths, links = told(answer, field_key_of)
        assert (depths.keys(), links) == (oracle.depths.keys(), oracle.links)
