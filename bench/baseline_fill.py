"""The plain store grown to the size of the server's, by copies of its runs: it takes events too slowly to be sent them.

A store of this kind takes 1.5 to 2 kB an event. Beyond five million events it stays as it is, and the report says so.
"""

from __future__ import annotations

import asyncpg

MOST_EVENTS = 5_000_000
COPIES = 5
"""Of every seed run in one transaction."""
SEEDS = "CREATE TEMPORARY TABLE seeds AS SELECT * FROM naive.runs"
COPY = """
WITH copies AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, seeds.id AS seed, job_id, parent_run_id, state, started_at, ended_at,
        make_interval(days => 14 + (random() * 70)::integer) AS age
    FROM seeds, generate_series(1, $1)
), copied_runs AS (
    INSERT INTO naive.runs SELECT id, job_id, parent_run_id, state, started_at - age, ended_at - age FROM copies
), copied_datasets AS (
    INSERT INTO naive.run_datasets
    SELECT c.id, d.dataset_id, d.is_output, d.version_id FROM copies c JOIN naive.run_datasets d ON d.run_id = c.seed
)
INSERT INTO naive.events
SELECT sha256(uuid_send(c.id) || e.id), c.id, e.event_time - c.age, e.received_at, e.body
FROM copies c JOIN naive.events e ON e.run_id = c.seed
"""


async def fill_naive(connection: asyncpg.Connection[asyncpg.Record], events: int) -> int:
    """Copies what is there until there are so many events, or the most; returns how many there are."""
    found: int = await connection.fetchval("SELECT count(*) FROM naive.events")
    await connection.execute(SEEDS)
    while found < min(events, MOST_EVENTS):
        copied = int((await connection.execute(COPY, COPIES)).rsplit(" ", 1)[1])
        found += copied
    await connection.execute("DROP TABLE seeds")
    return found
