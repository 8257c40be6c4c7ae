"""Whatever the order of runs in time, each read is bound to one write, and that is seen the same from both ends."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater_server.domain.lineage import Direction, Node, NodeType, RunRoot, Traversal, WriteRoot
from headwater_server.domain.model import AssetName
from headwater_server.storage.lineage.store import LineageStore
from headwater_server.usecases.lineage import get_lineage

from .conftest import Lineage, at, table
from .rows import Connection

_numbers = itertools.count()
DATASETS = ("a", "b")


@dataclass(frozen=True)
class Told:
    """A run: when it started and ended, how, and what it read and wrote, each with the label that it names, if any."""

    started: int
    lasted: int
    says: str
    reads: dict[str, str] = field(default_factory=dict)
    writes: dict[str, str] = field(default_factory=dict)
    id: uuid.UUID = field(default_factory=lambda: uuid.UUID(int=next(_numbers)))

    @property
    def ended(self) -> tuple[int, uuid.UUID]:
        """Where what it wrote stands in time."""
        return (self.started + self.lasted, self.id)


labels = st.sampled_from(["", "", "1", "2"])
uses = st.dictionaries(st.sampled_from(DATASETS), labels, max_size=2)
runs = st.builds(
    Told, st.integers(0, 6), st.integers(0, 3), st.sampled_from(["COMPLETE", "COMPLETE", "FAIL"]), uses, uses
)


def bound(reader: Told, dataset: str, told: list[Told]) -> uuid.UUID | None:
    """The run whose write of a dataset a run read, said plainly."""
    label = reader.reads[dataset]
    writers = [run for run in told if run.says == "COMPLETE" and dataset in run.writes and run is not reader]
    if label:
        writers = [run for run in writers if run.writes[dataset] == label]
    before = [run for run in writers if run.ended[0] <= reader.started]
    if before:
        return max(before, key=lambda run: run.ended).id
    return min(writers, key=lambda run: run.ended).id if label and writers else None


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(told=st.lists(runs, min_size=1, max_size=6))
async def test_every_read(lineage: Lineage, connection: Connection, store: LineageStore, told: list[Told]) -> None:
    for name in ("runs", "events", "io_sets", "io_set_datasets", "version_sets", "dataset_versions"):
        await connection.execute(f"DELETE FROM {name}")
    lineage.forget()
    await lineage.send(*(event for number, run in enumerate(told) for event in _events(number, run)))
    expected = {(run.id, dataset): bound(run, dataset, told) for run in told for dataset in run.reads}
    for run in told:
        above = await _beside(store, RunRoot(run.id), Direction.UPSTREAM)
        found = {node.asset.name: node.run for node in above}
        assert found == {d: expected[run.id, d] for d in run.reads if expected[run.id, d]}
        assert await _told(store, run) == found
        for dataset in run.writes if run.says == "COMPLETE" else ():
            below = await _beside(store, WriteRoot(AssetName("db", dataset), run.id), Direction.DOWNSTREAM)
            assert {node.run for node in below} == {
                reader for (reader, read), writer in expected.items() if (read, writer) == (dataset, run.id)
            }


async def _told(store: LineageStore, run: Told) -> dict[str, uuid.UUID]:
    """The writes that a run read, by dataset, as the run itself is told."""
    async with store.snapshot(30) as snapshot:
        told = await snapshot.at(None).run(run.id)
    assert told
    return {read.dataset.name: read.write for read in told.inputs if read.write}


async def _beside(store: LineageStore, root: Any, direction: Direction) -> list[Node]:
    answer = await get_lineage(store, Traversal((root,), direction=direction, max_depth=1), 30)
    assert all(node.type in (NodeType.RUN, NodeType.WRITE) for node in answer.part.nodes)
    return answer.part.nodes[1:]


def _events(number: int, run: Told) -> list[dict[str, Any]]:
    return [
        {
            "eventTime": at(hour).isoformat(),
            "eventType": says,
            "run": {"runId": str(run.id)},
            "job": {"namespace": "team", "name": f"job{number}"},
            "inputs": [table(name, label=label) for name, label in run.reads.items()],
            "outputs": [table(name, label=label) for name, label in run.writes.items()],
        }
        for hour, says in ((run.started, "START"), (run.started + run.lasted, run.says))
    ]
