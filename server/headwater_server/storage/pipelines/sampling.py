"""Drops the text of events of runs that are not in the sample of their pipeline; see `domain.pipeline_sampling`.

What is left of an event is its row, by which a repetition is known again.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import asyncpg

from ...domain.errors import StoreUnavailable
from ...domain.pipeline_sampling import HOLD, SETTLE, Decision, Novelty, SamplingRule, SamplingRules, decide, rule_for
from ...domain.run_merge import RunMerge
from ..database import Connection, Database
from ..ingest.assets import lock_jobs
from ..ingest.runs import get_runs

MAX_RUNS = 500
"""How many runs are decided on in one transaction."""

_ADD = """
INSERT INTO sampled_runs (run_id, due, is_dropped)
SELECT run_id, now() + $2::interval, false FROM unnest($1::uuid[]) AS new (run_id) ORDER BY 1
ON CONFLICT (run_id) DO UPDATE SET due = excluded.due
"""
_RULES = """
SELECT job_id, CASE WHEN criticality = 1 THEN 100 ELSE COALESCE(successful_percent, 100) END AS percent, pipeline_id
FROM workloads JOIN pipelines USING (pipeline_id)
WHERE end_time IS NULL AND EXISTS (
    SELECT FROM pipelines WHERE end_time IS NULL AND criticality <> 1 AND successful_percent < 100)
ORDER BY percent, pipeline_id
"""
_DUE = "SELECT run_id FROM sampled_runs WHERE due <= $1 ORDER BY due LIMIT $2"
_LOCK = """
SELECT run_id, is_dropped FROM sampled_runs WHERE run_id = ANY($1::uuid[]) AND due <= $2
ORDER BY run_id FOR UPDATE SKIP LOCKED
"""
_NOVELTIES = """
SELECT run.run_id,
    NOT EXISTS (
        SELECT FROM runs AS earlier
        WHERE earlier.job_id = run.job_id AND (earlier.started_at, earlier.run_id) < (run.started_at, run.run_id)),
    EXISTS (
        SELECT FROM job_versions AS version
        WHERE version.job_id = run.job_id AND version.job_version_id = run.job_version_id
        AND (version.first_time >= run.started_at OR version.disputed))
    OR EXISTS (
        SELECT FROM version_sets AS written
        CROSS JOIN LATERAL unnest(written.outputs, written.output_versions) AS output (dataset_id, version_id)
        JOIN dataset_versions AS version USING (dataset_id, version_id)
        WHERE written.version_set_id = run.version_set_id AND version.schema_id IS NOT NULL
        AND (version.run_id = run.run_id OR version.disputed)
        AND NOT EXISTS (
            SELECT FROM dataset_versions AS earlier
            WHERE earlier.dataset_id = version.dataset_id AND earlier.schema_id = version.schema_id
            AND earlier.source <> 3 AND NOT earlier.disputed
            AND (earlier.first_time, earlier.version_id) < (version.first_time, version.version_id)))
FROM runs AS run WHERE run.run_id = ANY($1::uuid[])
"""
_DROP = """
UPDATE events SET body = ''
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS run (run_id, events_from, events_to)
WHERE subject = run.run_id AND event_time BETWEEN run.events_from AND run.events_to AND body <> ''
"""
_PUT = """
UPDATE sampled_runs SET due = new.due, is_dropped = sampled_runs.is_dropped OR new.is_dropped
FROM unnest($1::uuid[], $2::timestamptz[], $3::boolean[]) AS new (run_id, due, is_dropped)
WHERE sampled_runs.run_id = new.run_id
"""
_COUNT = """
UPDATE pipelines SET sampled_out_count = sampled_out_count + new.count
FROM unnest($1::bigint[], $2::bigint[]) AS new (pipeline_id, count) WHERE pipelines.pipeline_id = new.pipeline_id
"""


async def add_candidates(connection: Connection, runs: Collection[uuid.UUID]) -> None:
    """Remembers runs that are to be decided on, once they have settled."""
    if runs:
        await connection.execute(_ADD, list(runs), SETTLE)


class SamplingStore:
    """Reads the rules, and decides on runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rules(self) -> SamplingRules:
        """The rules as they are now. Raises StoreUnavailable."""
        try:
            async with self._database.transaction() as connection:
                return await _rules(connection)
        except asyncpg.PostgresError as error:
            raise StoreUnavailable from error

    async def settle(self, now: datetime) -> int | None:
        """Decides on runs that are due; how many were dropped, None where none is due. Raises StoreUnavailable."""
        try:
            async with self._database.transaction() as connection:
                due = [row[0] for row in await connection.fetch(_DUE, now, MAX_RUNS)]
                return await _settle(connection, due, now) if due else None
        except asyncpg.PostgresError as error:
            raise StoreUnavailable from error


async def _rules(connection: Connection) -> SamplingRules:
    return {row[0]: SamplingRule(row[1], row[2]) for row in await connection.fetch(_RULES)}


async def _settle(connection: Connection, due: Collection[uuid.UUID], now: datetime) -> int:
    """Decides on runs, in the order of locks that ingestion keeps: jobs first."""
    await lock_jobs(connection, {run.job for run in (await get_runs(connection, due)).merges.values()})
    locked = {row[0]: row[1] for row in await connection.fetch(_LOCK, list(due), now)}
    runs = (await get_runs(connection, locked)).merges
    rules = await _rules(connection)
    novelties = {row[0]: Novelty(*row[1:]) for row in await connection.fetch(_NOVELTIES, list(runs))}
    decisions = {run: decide(run, state, novelties[run], rules) for run, state in runs.items()}
    dropped = {run: runs[run] for run, decision in decisions.items() if decision is Decision.DROP}
    await _drop(connection, dropped)
    await _remember(connection, {run: decisions.get(run, Decision.KEEP) for run in locked}, now)
    new = [state for run, state in dropped.items() if not locked[run]]
    await _count(connection, new, rules)
    return len(new)


async def _drop(connection: Connection, runs: Mapping[uuid.UUID, RunMerge]) -> None:
    if runs:
        spans = [(run, state.events_from, state.events_to) for run, state in runs.items()]
        await connection.execute(_DROP, *map(list, zip(*spans, strict=True)))


async def _remember(connection: Connection, decisions: Mapping[uuid.UUID, Decision], now: datetime) -> None:
    if decisions:
        rows = [
            (run, now + HOLD if decision is Decision.HOLD else None, decision is Decision.DROP)
            for run, decision in decisions.items()
        ]
        await connection.execute(_PUT, *map(list, zip(*rows, strict=True)))


async def _count(connection: Connection, dropped: Iterable[RunMerge], rules: SamplingRules) -> None:
    counts = Counter(rule.pipeline for state in dropped if (rule := rule_for(state, rules)))
    if counts:
        await connection.execute(_COUNT, sorted(counts), [counts[pipeline] for pipeline in sorted(counts)])
