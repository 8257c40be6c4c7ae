"""What is written of answers from memory, where names and sizes are out of the ordinary."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from headwater.v1 import lineage_service_pb2 as messages
from headwater_server.api import memory_answer
from headwater_server.api.convert_lineage import read_traversal
from headwater_server.usecases.lineage_memory import recall_lineage

from .conftest import BOTH, Lineage, dataset
from .memory_pair import Pair

NAMES = ["plain.name_1~", "a/b", "50%", "%2F", "naïve:日本", "two\nlines", "spa ce", '"', "\\", "x" * 200, "#@"]


@pytest.mark.parametrize("names", [NAMES, NAMES[:5], NAMES[:1], []])
def test_names_are_quoted_as_resource_names_are(names: list[str]) -> None:
    assert memory_answer._quote([name.encode() for name in names]) == [quote(name, safe="").encode() for name in names]


async def test_any_name_is_written_as_the_store_writes_it(lineage: Lineage, pair: Pair) -> None:
    for number, name in enumerate(NAMES):
        await lineage.run(number, f"job {name}", f"r{number % 10}", reads=["root"], writes=[name])
    await pair.memory._load()
    await pair.check(messages.Traversal(roots=[dataset("root")], direction=BOTH))
    assert pair.recalled == 1


async def test_names_that_were_forgotten_are_written_again(
    lineage: Lineage, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_answer, "REMEMBERED_TEXTS", 4)
    for name in "abc":
        for number in range(3):
            await lineage.run(1, f"make_{name}{number}", f"{name}{number}", reads=[name], writes=[f"{name}{number}"])
    await pair.memory._load()
    for name in "abcabc":
        await pair.check(messages.Traversal(roots=[dataset(name)], direction=BOTH))
    assert pair.recalled == 6


@pytest.mark.parametrize("at_once", [1, 2, 3, 5, 100])
async def test_parts_are_bounded_and_nodes_come_before_their_links(
    lineage: Lineage, pair: Pair, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(memory_answer, "NODES_AT_ONCE", at_once)
    monkeypatch.setattr(memory_answer, "LINKS_AT_ONCE", at_once)
    outputs = [f"b{number}" for number in range(4)]
    await lineage.run(1, "spread", "r1", reads=["a"], writes=[*outputs])
    await lineage.run(1, "gather", "r2", reads=[*outputs], writes=["c", "d"])
    await lineage.run(1, "end", "r3", reads=["d"], writes=["e"])
    await pair.memory._load()
    traversal = messages.Traversal(roots=[dataset("a")], direction=BOTH)
    await pair.check(traversal)
    recalled = await recall_lineage(pair.memory, read_traversal(traversal), 30)
    assert recalled
    given: set[str] = set()
    parts = [part.parse() for part in memory_answer.write_parts(recalled)]
    for part in parts:
        assert isinstance(part, messages.TraverseLineageResponse)
        assert max(len(part.nodes), len(part.links)) <= at_once
        given |= {node.name for node in part.nodes}
        assert given.issuperset(end for link in part.links for end in (link.source, link.target))
    assert len(given) == 8
    assert len(parts) <= 2 + -(-8 // at_once) + -(-13 // at_once)
