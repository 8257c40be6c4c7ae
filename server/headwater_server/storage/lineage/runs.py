"""Runs and writes as nodes: what runs read and wrote, and who read what they wrote."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from ...domain.catalog_places import DatasetSet, RunPlace
from ...domain.graph_assets import GraphAsset
from ...domain.lineage import FOREVER
from ...domain.lineage_ports import LeftRecord, Readers, ReadRecord, RunRecord
from ...domain.model import RunState
from ...domain.times import micros_of
from ...domain.versions import WriteRecord
from ...domain.walk import Edge
from ..catalog.bindings import Read, bind_reads
from ..catalog.datasets import load_datasets
from ..catalog.kinds import KindReader
from ..catalog.names import get_sets
from ..catalog.state_rows import get_states
from ..catalog.told_writes import KnownWrite, left_behind
from ..catalog.versions import find_versions, get_version
from ..catalog.writes import list_writes
from ..database import Connection, Record
from ..ingest.io_sets import get_link_sets

WRITES_AT_ONCE = 1000
MAX_WRITES = 10_000
"""How many writes of a dataset are searched for those that left a version behind."""

_RUNS = "SELECT run_id, job_id, state, started_at FROM runs WHERE run_id = ANY($1::uuid[])"
_INPUTS = """
SELECT run_id, i.inputs, v.inputs, v.input_labels
FROM runs JOIN io_sets AS i USING (io_set_id) LEFT JOIN version_sets AS v USING (version_set_id)
WHERE run_id = ANY($1::uuid[])
"""
_OUTPUTS = """
SELECT output.id, run_id, job_id, ended_at, v.output_versions[array_position(v.outputs, output.id)]
FROM runs JOIN io_sets AS i USING (io_set_id) LEFT JOIN version_sets AS v USING (version_set_id)
CROSS JOIN LATERAL unnest(i.outputs) AS output (id)
WHERE run_id = ANY($1::uuid[]) AND state = 3 AND ended_at IS NOT NULL
"""
_READERS = """
WITH written AS (
    SELECT * FROM unnest($1::int[], $2::bigint[], $3::timestamptz[], $4::uuid[]) AS w (key, member, time, run)
), windows AS (
    SELECT key, w.time, min(next.ended_at) AS until
    FROM written AS w
    LEFT JOIN io_set_datasets AS o ON o.dataset_id = w.member AND o.role = 2
    LEFT JOIN LATERAL (
        SELECT ended_at FROM runs
        WHERE io_set_id = o.io_set_id AND state = 3 AND (ended_at, run_id) > (w.time, w.run)
        ORDER BY ended_at, run_id LIMIT 1) AS next ON true
    GROUP BY key, w.time
)
SELECT DISTINCT r.started_at, r.run_id, key
FROM windows JOIN written USING (key)
JOIN io_set_datasets AS i ON i.dataset_id = written.member AND i.role = 1
CROSS JOIN LATERAL (
    SELECT run_id, started_at FROM runs
    WHERE io_set_id = i.io_set_id AND started_at >= windows.time AND started_at <= COALESCE(until, 'infinity')
    ORDER BY started_at, run_id LIMIT $5) AS r
ORDER BY 1, 2, 3 LIMIT $5
"""
"""The runs that started between a write and the next one, both included: whom of them it was read by is checked."""
_NAMERS = """
SELECT DISTINCT started_at, run_id, key
FROM unnest($1::int[], $2::bigint[], $3::text[]) AS named (key, member, label)
JOIN io_set_datasets AS i ON i.dataset_id = named.member AND i.role = 1
JOIN runs USING (io_set_id) JOIN version_sets AS v USING (version_set_id)
WHERE named.member = ANY(v.inputs) AND named.label = ANY(v.input_labels)
ORDER BY 1, 2, 3 LIMIT $4
"""
"""The runs that name a version as read, whenever they started."""


async def get_runs(connection: Connection, runs: Collection[uuid.UUID]) -> dict[uuid.UUID, RunRecord]:
    """Runs by id; unknown ones are left out."""
    rows = await connection.fetch(_RUNS, list(runs))
    return {row[0]: RunRecord(row[0], row[1], RunState(row[2]), row[3]) for row in rows}


async def get_reads(connection: Connection, runs: Iterable[RunRecord]) -> list[ReadRecord]:
    """The writes that runs read."""
    by_id = {run.run: run for run in runs}
    labels = await _inputs(connection, by_id)
    sets = await get_sets(connection, {dataset for _, dataset in labels})
    reads = {
        (run, sets[dataset].id): Read(run, by_id[run].started, tuple(sets[dataset].members), label)
        for (run, dataset), label in sorted(labels.items(), key=lambda item: item[1] is not None)
    }
    asked = list(reads.values())
    bound = await bind_reads(connection, asked)
    return [ReadRecord(by_id[asked[place].run], one.write) for place, one in sorted(bound.items()) if one.write]


async def get_writes(connection: Connection, runs: Iterable[RunRecord]) -> list[WriteRecord]:
    """What runs wrote."""
    rows = await connection.fetch(_OUTPUTS, [run.run for run in runs if run.state is RunState.SUCCEEDED])
    return [WriteRecord(*row) for row in rows]


async def get_readers(connection: Connection, writes: Sequence[WriteRecord], limit: int) -> Readers:
    """The runs that read writes, the first started first."""
    sets = await get_sets(connection, {write.dataset for write in writes})
    rows = [(key, m, w.time, w.run) for key, w in enumerate(writes) for m in sets[w.dataset].members]
    found = await connection.fetch(_READERS, *map(list, zip(*rows, strict=True)), limit + 1)
    found += await _namers(connection, writes, sets, limit + 1)
    candidates = sorted({(row[0], row[1], row[2]) for row in found})
    shown = candidates[:limit]
    runs = await get_runs(connection, {run for _, run, _ in shown})
    labels = await _inputs(connection, runs)
    reads = []
    for _, run, key in shown:
        members = tuple(sets[writes[key].dataset].members)
        label = next((one for m in members if (one := labels.get((run, m))) is not None), None)
        reads.append(Read(run, runs[run].started, members, label))
    bound = await bind_reads(connection, reads)
    is_whole = len(candidates) <= limit
    return Readers(
        [
            ReadRecord(runs[run], writes[key])
            for place, (_, run, key) in enumerate(shown)
            if (write := bound[place].write if place in bound else None) and write.run == writes[key].run
        ],
        is_whole,
    )


async def get_run_links(connection: Connection, run: uuid.UUID) -> list[Edge[int]]:
    """The links that follow from what a run read and wrote, as they hold since it started."""
    row = await connection.fetchrow("SELECT job_id, io_set_id, started_at FROM runs WHERE run_id = $1", run)
    if row is None or row[1] is None:
        return []
    since = micros_of(row[2])
    found = (await get_link_sets(connection, [row[1]]))[row[1]]
    return [Edge(link.source, link.target, row[0], link.inferred, since, FOREVER) for link in sorted(found.links)]


async def get_left(connection: Connection, kinds: KindReader, writes: Sequence[WriteRecord]) -> list[LeftRecord]:
    """The version that each write left behind, in the order given."""
    sets = await get_sets(connection, {write.dataset for write in writes})
    found = await kinds.dataset_kinds(connection, sets.values())
    known = [KnownWrite(sets[w.dataset], found[sets[w.dataset].id], w) for w in writes]
    return [LeftRecord(*left) for left in await left_behind(connection, known)]


async def get_version_writes(
    connection: Connection, kinds: KindReader, dataset: GraphAsset, version: int | None, limit: int
) -> list[WriteRecord] | None:
    """The last writes that left a version behind, newest first; None where the dataset has no such version."""
    one = DatasetSet(dataset.id, dataset.name, dict(dataset.names))
    kind = (await kinds.dataset_kinds(connection, [dataset]))[dataset.id]
    if version is None:
        (told,) = await load_datasets(connection, [one], datetime.now(UTC))
        if told.latest_version is None:
            return None
        version = told.latest_version.version
    elif await get_version(connection, await find_versions(connection, one, kind), version) is None:
        return None
    found: list[WriteRecord] = []
    after: RunPlace | None = None
    for _ in range(MAX_WRITES // WRITES_AT_ONCE):
        writes = await list_writes(connection, one.members, after, WRITES_AT_ONCE)
        left = await left_behind(connection, [KnownWrite(one, kind, write) for write in writes])
        found += [write for write, what in zip(writes, left, strict=True) if what.version == version]
        if len(writes) < WRITES_AT_ONCE or len(found) >= limit:
            break
        after = RunPlace(writes[-1].time, writes[-1].run)
    return found[:limit]


async def _inputs(
    connection: Connection, runs: Collection[uuid.UUID] | Mapping[uuid.UUID, RunRecord]
) -> dict[tuple[uuid.UUID, int], str | None]:
    """What runs read, each with the label of the version that the run names, if any."""
    labels: dict[tuple[uuid.UUID, int], str | None] = {}
    for run, inputs, labelled, names in await connection.fetch(_INPUTS, list(runs)):
        labels.update(((run, dataset), None) for dataset in inputs)
        labels.update(((run, dataset), label) for dataset, label in zip(labelled or (), names or (), strict=True))
    return labels


async def _namers(
    connection: Connection, writes: Sequence[WriteRecord], sets: Mapping[int, DatasetSet], limit: int
) -> list[Record]:
    """The runs that name the version that a write left behind."""
    states = await get_states(connection, ((w.dataset, w.state) for w in writes if w.state is not None))
    rows = [
        (key, member, state.label)
        for key, w in enumerate(writes)
        if w.state is not None and (state := states.get((w.dataset, w.state))) and state.label is not None
        for member in sets[w.dataset].members
    ]
    return await connection.fetch(_NAMERS, *map(list, zip(*rows, strict=True)), limit) if rows else []
