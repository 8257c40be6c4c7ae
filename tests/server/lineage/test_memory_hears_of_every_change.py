"""Each change of the graph is heard of by a server that holds it in memory: that answers what the store does.

Every test has one kind of change; that no history of them goes wrong is what `test_memory_answers_as_the_store` shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from headwater.v1 import lineage_service_pb2 as messages
from headwater_server.domain import ids, memory_graph
from headwater_server.domain.hiding import Deletion, DeletionKind
from headwater_server.storage.graph import reading
from headwater_server.storage.graph.exact import nodes_of_unknown_kind
from headwater_server.storage.graph.snapshots import MAX_CHANGES
from headwater_server.storage.graph_changes import KEPT, prune_changes

from .conftest import BOTH, Json, Lineage, at, dataset, table
from .memory_pair import Pair
from .rows import Connection

Change = Callable[[Lineage], Awaitable[object]]
VIEW: Json = {"datasetType": {"datasetType": "VIEW"}}
TOPIC: Json = {"datasetType": {"datasetType": "TOPIC"}}
DROP: Json = {"lifecycleStateChange": {"lifecycleStateChange": "DROP"}}


def symlink(*names: str) -> Json:
    """A facet that says that the dataset has other names."""
    return {"symlinks": {"identifiers": [{"namespace": "db", "name": name, "type": "TABLE"} for name in names]}}


def hide(kind: DeletionKind, hours: float, asset: int) -> Change:
    """A call that deletes an asset, or takes that back."""
    return lambda lineage: lineage.catalog.delete(asset, Deletion(at(hours), kind))


def run(hours: float, name: str, word: str, **said: Any) -> Change:
    """An event of a run."""
    return lambda lineage: lineage.run(hours, name, word, **said)


def declare(hours: float, *reads: str) -> Change:
    """A JobEvent."""
    return lambda lineage: lineage.send(
        {
            "eventTime": at(hours).isoformat(),
            "job": {"namespace": "team", "name": "load"},
            "inputs": [table(name) for name in reads],
            "outputs": [table("b")],
        }
    )


B, LOAD = ids.dataset_id("db", "b"), ids.job_id("team", "load")
JOB_TYPE: Json = {"jobType": {"integration": "DBT", "processingType": "BATCH", "jobType": "MODEL"}}
CHANGES: dict[str, tuple[Change, str]] = {
    "a further link": (run(5, "other", "r5", reads=["b"], writes=["e"]), "b"),
    "a link that a later run has no more": (run(5, "load", "r5", reads=["d"], writes=["b"]), "b"),
    "a link since a start": (run(5, "load", "r5", reads=["e"], writes=["b"], says="START"), "b"),
    "a late event of an earlier run": (run(1, "load", "r0", reads=["a"], writes=["b"]), "b"),
    "a declaration": (declare(5, "a", "e"), "b"),
    "a name of a known dataset": (run(5, "more", "r5", reads=[table("a", **symlink("d"))], writes=["g"]), "d"),
    "a name that nobody knew": (run(5, "more", "r5", reads=[table("b", **symlink("aa"))], writes=["g"]), "b"),
    "several names": (run(5, "more", "r5", reads=[table("a", **symlink("c", "d", "f"))], writes=["g"]), "b"),
    "a drop": (run(5, "drop", "r5", writes=[table("b", **DROP)]), "a"),
    "a deletion": (hide(DeletionKind.DELETE, 5, B), "a"),
    "a deletion of a job": (hide(DeletionKind.DELETE, 5, LOAD), "a"),
    "a deletion that is taken back": (hide(DeletionKind.UNDELETE, 5, ids.dataset_id("db", "hidden")), "seen"),
    "what is said of a hidden dataset": (run(5, "hide", "r6", reads=["seen"], writes=["hidden"]), "seen"),
    "the kind of a dataset": (run(5, "load", "r5", reads=["a"], writes=[table("b", **VIEW)]), "b"),
    "the kind of a dataset, by who reads it": (run(5, "use", "r5", reads=[table("b", **VIEW)], writes=["c"]), "b"),
    "the kind of a dataset, by another name": (run(5, "use", "r5", reads=[table("alias", **VIEW)]), "shown"),
    "the kind of a job": (run(5, "ends", "r5", reads=["end"], job_facets=JOB_TYPE), "end"),
    "a kind that is said again": (run(5, "says", "r5", writes=[table("said", **VIEW)]), "said"),
}
"""What changes, and the root of an answer that has it."""


@pytest_asyncio.fixture
async def known(lineage: Lineage, pair: Pair) -> Lineage:
    """A graph that is in memory with all kinds: of datasets `a` to `d`, of one that is deleted, and of one of which it
    was said last that it is a topic, after it was said to be a view.
    """
    await lineage.run(2, "load", "r1", reads=["a"], writes=["b"])
    await lineage.run(3, "use", "r2", reads=["b"], writes=["c"])
    await lineage.run(3, "use_another", "r3", reads=["d"], writes=["f"])
    await lineage.run(3, "ends", "r4", reads=["end"])
    await lineage.run(3, "hide", "r6", reads=["seen"], writes=["hidden"])
    await lineage.catalog.delete(ids.dataset_id("db", "hidden"), Deletion(at(4), DeletionKind.DELETE))
    await lineage.run(3, "join", "r9", reads=[table("shown", **symlink("alias"))])
    await lineage.run(2, "says", "r7", writes=[table("said", **VIEW)])
    await lineage.run(3, "says", "r8", writes=[table("said", **TOPIC)])
    await pair.memory._load()
    await pair.memory._learn_kinds()
    return lineage


async def answer(pair: Pair, root: str, hours: float | None = None) -> Any:
    """The answer about a dataset, which has to come from memory and be what the store answers."""
    traversal = messages.Traversal(roots=[dataset(root)], direction=BOTH)
    if hours is not None:
        traversal.as_of.FromDatetime(at(hours))
    before = pair.recalled
    found = await pair.check(traversal)
    assert pair.recalled == before + 1
    assert found
    return list(found.nodes), sorted(link.SerializeToString() for link in found.links)


@pytest.mark.parametrize("what", CHANGES)
async def test_what_changed_is_in_the_next_answer(known: Lineage, pair: Pair, what: str) -> None:
    change, root = CHANGES[what]
    before = [await answer(pair, root, hours) for hours in (None, 1.5, 4.5)]
    await change(known)
    after = [await answer(pair, root, hours) for hours in (None, 1.5, 4.5)]
    assert after != before
    await pair.memory._load()
    assert [await answer(pair, root, hours) for hours in (None, 1.5, 4.5)] == after


@pytest.mark.parametrize("what", CHANGES)
async def test_what_changed_before_the_graph_is_read_again_is_in_the_next_answer(
    known: Lineage, pair: Pair, what: str
) -> None:
    change, root = CHANGES[what]
    before = await answer(pair, root)
    await change(known)
    await pair.memory._load()
    assert await answer(pair, root) != before


async def test_kinds_are_known_where_the_graph_is_read_again(known: Lineage, pair: Pair) -> None:
    await known.run(5, "other", "r5", reads=["b"], writes=["new"])
    await pair.memory._load()
    graph = await pair.memory.fresh()
    assert graph
    unknown = [graph.nodes.name(node).name for node in nodes_of_unknown_kind(graph, -1, 100)]
    assert sorted(unknown) == ["new", "other", "said"]  # what was said differs of one: it is asked about each time


async def test_what_was_pruned_from_the_log_is_not_missed(known: Lineage, pair: Pair, connection: Connection) -> None:
    await answer(pair, "b")
    await known.run(5, "other", "r5", reads=["b"], writes=["e"])
    await connection.execute("UPDATE graph_changes SET time = now() - $1::interval * 2", KEPT)
    await prune_changes(connection)
    assert await connection.fetchval("SELECT count(*) FROM graph_changes") == 0
    assert await pair.memory.fresh() is None
    await pair.memory._load()
    await answer(pair, "b")


async def test_more_changes_than_are_looked_at_are_not_missed(
    known: Lineage, pair: Pair, connection: Connection
) -> None:
    await answer(pair, "b")
    await connection.execute(
        "INSERT INTO graph_changes (position, kind, key)"
        " SELECT pg_current_xact_id()::text::bigint, 1, key FROM generate_series(1, $1::bigint) AS key",
        MAX_CHANGES + 1,
    )
    assert await pair.memory.fresh() is None


async def test_more_links_than_are_read_again_are_not_missed(
    known: Lineage, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await answer(pair, "b")
    monkeypatch.setattr(reading, "MAX_LINKS", 1)
    await known.run(5, "load", "r5", reads=["a", "d", "e"], writes=["b"])
    assert await pair.memory.fresh() is None


async def test_more_names_than_there_is_room_for_are_not_missed(
    known: Lineage, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_graph, "SPARE_NODES", 1)
    await pair.memory._load()
    await known.run(5, "other", "r5", reads=["new"], writes=["newer"])
    assert await pair.memory.fresh() is None
