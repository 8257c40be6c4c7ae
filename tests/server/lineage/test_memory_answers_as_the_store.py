"""What is answered from memory is what the store answers, after any history and whoever wrote it."""

from __future__ import annotations

import contextlib
import itertools
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.v1 import lineage_service_pb2 as messages
from headwater_server.api.convert_lineage import read_traversal
from headwater_server.domain import ids
from headwater_server.domain.event_parser import EventParser
from headwater_server.domain.graph import StoredLink
from headwater_server.domain.hiding import Deletion, DeletionKind
from headwater_server.storage.catalog.store import CatalogStore
from headwater_server.storage.database import Database
from headwater_server.storage.graph.memory import GraphMemory
from headwater_server.storage.graph_changes import Changed, note_changes, prune_changes
from headwater_server.storage.ingest.transaction import IngestStore
from headwater_server.usecases.ingest import Ingestion
from headwater_server.usecases.lineage_memory import recall_lineage

from .conftest import DAY, Json, columns, table
from .conftest import dataset as dataset_name
from .graphs import SETTINGS, numbers, rows
from .memory_pair import Pair
from .rows import Connection, Rows, dataset, job

MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@SETTINGS
@given(
    rows=rows(),
    starts=st.sets(numbers, min_size=1, max_size=2),
    direction=st.integers(1, 3),
    depth=st.integers(1, 5),
    nodes=st.sampled_from([1, 3, 5, 100]),
    time=st.sampled_from([None, 7, 22]),
    stated=st.booleans(),
)
async def test_on_graphs_of_any_shape(
    connection: Connection,
    pair: Pair,
    rows: Rows,
    starts: set[int],
    direction: int,
    depth: int,
    nodes: int,
    time: int | None,
    stated: bool,
) -> None:
    await rows.write(connection)
    await pair.memory._load()
    traversal = messages.Traversal(
        roots=[dataset_name(f"d{number}") for number in sorted(starts)],
        direction=direction,
        max_depth=depth,
        max_nodes=nodes,
        exclude_inferred=stated,
    )
    if time is not None:
        traversal.as_of.nanos = time * 1000
    before = pair.recalled
    await pair.check(traversal)
    assert pair.recalled > before or len(starts) > nodes


@dataclass(frozen=True)
class Ask:
    """A question, about one of the datasets."""

    name: str
    direction: int
    minute: int | None
    nodes: int
    field: str | None = None


@dataclass(frozen=True)
class Say:
    """An event, taken by one of two servers."""

    server: int
    body: bytes


@dataclass(frozen=True)
class Hide:
    """A call that deletes a dataset, or takes that back."""

    name: str
    minute: int
    kind: DeletionKind


class Reload:
    """The server is started again."""


class Forget:
    """The log is pruned, as if a long time had passed."""


def symlink(name: str) -> Json:
    """A facet that joins a dataset with another one."""
    return {"symlinks": {"identifiers": [{"namespace": "db", "name": name, "type": "TABLE"}]}}


FACETS: list[Json] = [
    *({} for _ in range(6)),
    *(symlink(name) for name in "abcd"),
    {"lifecycleStateChange": {"lifecycleStateChange": "DROP"}},
    {"datasetType": {"datasetType": "MODEL"}},
    {"datasetType": {"datasetType": "VIEW"}},
    *({"columnLineage": columns(x=[(name, "x")])} for name in "abc"),
    {"columnLineage": columns(x=[("a", "y")], y=[("b", "x")], whole=[("a", "x")])},
]
"""What changes the graph, or the kind of a node, besides links."""


@st.composite
def event(draw: st.DrawFn) -> bytes:
    """An event about one of a few runs and datasets, at one of a few times."""
    job_name = draw(st.sampled_from(["load", "train"]))
    used = st.builds(lambda name, facets: table(name, **facets), st.sampled_from("abcd"), st.sampled_from(FACETS))
    return json.dumps(
        {
            "eventTime": (DAY + timedelta(minutes=draw(st.integers(0, 12)))).isoformat(),
            "eventType": draw(st.sampled_from(["START", "COMPLETE", "COMPLETE", "FAIL"])),
            "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{job_name} {draw(st.integers(0, 2))}"))},
            "job": {"namespace": "team", "name": job_name},
            "inputs": draw(st.lists(used, max_size=2)),
            "outputs": draw(st.lists(used, max_size=2)),
        }
    ).encode()


asks = st.builds(
    Ask,
    st.sampled_from("abcd"),
    st.integers(1, 3),
    st.sampled_from([None, 3, 9]),
    st.sampled_from([2, 9]),
    st.sampled_from([None, "x"]),
)
hides = st.builds(
    Hide, st.sampled_from("abcd"), st.integers(0, 12), st.sampled_from([DeletionKind.DELETE, DeletionKind.UNDELETE])
)
steps = st.one_of(
    st.builds(Say, st.integers(0, 1), event()),
    st.builds(Say, st.integers(0, 1), event()),
    asks,
    hides,
    st.builds(Reload),
    st.builds(Forget),
)


@dataclass
class Servers:
    """Two servers that take events, and what is asked of a third."""

    database: Database
    pair: Pair
    ingestions: list[Ingestion] = field(default_factory=list)

    async def do(self, step: Any) -> None:
        """Takes a step of a history."""
        match step:
            case Say(server, body):
                outcome = await self.ingestions[server].write([body], "a test")
                assert outcome.results[0].error is None
            case Hide(name, minute, kind):
                time = DAY + timedelta(minutes=minute)
                await CatalogStore(self.database, self.database).delete(
                    ids.dataset_id("db", name), Deletion(time, kind)
                )
            case Ask(name, direction, minute, nodes, path):
                traversal = messages.Traversal(roots=[dataset_name(name)], direction=direction, max_nodes=nodes)
                if path is not None:
                    traversal.level, traversal.field = messages.LEVEL_FIELD, path
                if minute is not None:
                    traversal.as_of.FromDatetime(DAY + timedelta(minutes=minute))
                await self.pair.check(traversal)
            case Reload():
                await self.pair.memory._load()
            case Forget():
                async with self.database.transaction() as connection:
                    await connection.execute("UPDATE graph_changes SET time = now() - interval '2 hours'")
                    await prune_changes(connection)


@MANY
@given(history=st.lists(steps, min_size=1, max_size=14))
async def test_after_any_history(connection: Connection, reading: Database, pair: Pair, history: list[Any]) -> None:
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace = 'public'::regnamespace"
        " AND relname NOT IN ('alembic_version', 'schema_info', 'locks', 'migration_lock')"
    )
    await connection.execute(";".join(f"DELETE FROM {row[0]}" for row in tables))
    servers = Servers(reading, pair)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            ingestion = Ingestion(IngestStore(reading), EventParser(max_event_bytes=1 << 20))
            await ingestion.start()
            stack.push_async_callback(ingestion.drain, 5)
            servers.ingestions.append(ingestion)
        pair.memory.want_fields()
        await pair.memory._load()
        for step in history:
            await servers.do(step)
        for name, direction, minute, path in itertools.product("abcd", (1, 2), (None, 6), (None, "x")):
            await servers.do(Ask(name, direction, minute, 100, path))


async def write_link(connection: Connection, link: StoredLink) -> None:
    """Writes a link as ingestion does."""
    await connection.execute(
        "INSERT INTO links VALUES ($1, $2, $3, false, $4, 'infinity')", *link[:3], datetime(2026, 1, 1, tzinfo=UTC)
    )
    await note_changes(connection, Changed.LINKS, [link.job])


async def upstream(pair: Pair, number: int, position: str = "") -> set[str]:
    """What memory knows upstream of a dataset."""
    traversal = messages.Traversal(roots=[dataset_name(f"d{number}")], min_position=position)
    answer = await recall_lineage(pair.memory, read_traversal(traversal), 30)
    assert answer
    return {answer.graph.nodes.name(node).name for node in answer.nodes.tolist()} - {f"d{number}"}


async def test_commits_count_in_whatever_order_they_come(connection: Connection, reading: Database, pair: Pair) -> None:
    await Rows(5, 5).write(connection)
    await pair.memory._load()
    async with reading.transaction() as late:
        await write_link(late, StoredLink(dataset(1), dataset(0), job(1)))
        async with reading.transaction() as early:
            await write_link(early, StoredLink(dataset(2), dataset(0), job(2)))
        assert await upstream(pair, 0) == {"d2"}
        await pair.memory._load()
        assert await upstream(pair, 0) == {"d2"}
        async with reading.transaction() as early:
            await write_link(early, StoredLink(dataset(3), dataset(0), job(3)))
        assert await upstream(pair, 0) == {"d2", "d3"}
    assert await upstream(pair, 0) == {"d1", "d2", "d3"}


async def test_a_position_that_is_not_held_is_left_to_the_store(
    connection: Connection, reading: Database, pair: Pair
) -> None:
    await Rows(2, 2).write(connection)
    await pair.memory._load()
    async with reading.transaction() as writing:
        await write_link(writing, StoredLink(dataset(1), dataset(0), job(1)))
        position = str(await writing.fetchval("SELECT pg_current_xact_id()::text"))
        assert await pair.memory.fresh(position) is None
    assert await upstream(pair, 0, position) == {"d1"}
    assert await pair.memory.fresh(str(2**50)) is None


async def test_a_graph_that_does_not_fit_is_left_to_the_store(
    connection: Connection, reading: Database, database: str
) -> None:
    await Rows(2, 2).write(connection)
    memory = GraphMemory(reading, database, 0)
    await memory.keep()
    assert await memory.fresh() is None


async def test_while_a_graph_is_read_what_was_asked_before_is_kept(
    connection: Connection, reading: Database, pair: Pair
) -> None:
    await Rows(3, 3).write(connection)
    await pair.memory._load()
    graph = await pair.memory.fresh()
    async with reading.transaction() as writing:
        await write_link(writing, StoredLink(dataset(1), dataset(0), job(1)))
    newer = await pair.memory.fresh()
    assert graph
    assert newer
    assert (len(graph.delta.links), len(newer.delta.links)) == (0, 1)
