"""What a run's events tell of it."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import literal_column, select

from ...domain.ids import half_identity
from ...domain.run_details import KeptEvent, RunDetails, merge_details
from ..database import Connection
from ..kept_bodies import KeptBody, read_bodies
from ..statements import Statement, given
from ..tables import EVENTS_FROM, EVENTS_TO, events, runs, senders

FIRST_EVENTS = 50
LAST_EVENTS = 450
"""How many of a run's events are looked at: what only those between them tell is lost."""
MAX_BYTES = 8 * 1024 * 1024
"""How many bytes of compressed events are looked at from each end, the outermost event always."""

SENDERS_OF_EVENTS = 1_000
"""Of how many of a run's last events the senders are told."""

_TIMES = Statement(select(EVENTS_FROM, EVENTS_TO).where(runs.c.run_id == given("run", runs.c.run_id)))
_SENT = (
    select(events.c.sender_id)
    .where(events.c.subject == given("run", events.c.subject))
    .where(events.c.event_time.between(given("since", events.c.event_time), given("until", events.c.event_time)))
    .order_by(events.c.event_time.desc())
    .limit(literal_column(str(SENDERS_OF_EVENTS)))
    .subquery()
)
_SENDERS = Statement(
    select(senders.c.sender).where(senders.c.sender_id.in_(select(_SENT.c.sender_id))).order_by("sender")
)
_EVENTS = f"""
SELECT event_id, received, body, event_time FROM (
    SELECT *, sum(octet_length(body)) OVER outward - octet_length(body) AS past
    FROM (
        SELECT event_time, event_id, received, body FROM events
        WHERE subject = $1 AND event_time BETWEEN $2 AND $3 AND body <> ''
        ORDER BY event_time {{order}}, event_id {{order}} LIMIT $4) AS outermost
    WINDOW outward AS (ORDER BY event_time {{order}}, event_id {{order}})) AS measured
WHERE past < {MAX_BYTES}
"""


async def get_details(connection: Connection, run: uuid.UUID, since: datetime, until: datetime) -> RunDetails:
    """What the events of a run tell of it; they lie between two times."""
    rows = await connection.fetch(_EVENTS.format(order="DESC"), run, since, until, LAST_EVENTS)
    if len(rows) == LAST_EVENTS or sum(len(row[2]) for row in rows) >= MAX_BYTES:
        rows += await connection.fetch(_EVENTS.format(order="ASC"), run, since, until, FIRST_EVENTS)
    bodies = await read_bodies(connection, [KeptBody(run, row[3], row[2]) for row in rows])
    by_id = {row[0]: KeptEvent(half_identity(row[0]), row[1], body) for row, body in zip(rows, bodies, strict=True)}
    return merge_details(by_id.values())


async def get_senders(connection: Connection, run: uuid.UUID, since: datetime, until: datetime) -> tuple[str, ...]:
    """Who sent the events of a run, which lie between two times."""
    return tuple(row[0] for row in await _SENDERS.fetch(connection, run=run, since=since, until=until))


async def get_details_of_run(connection: Connection, run: uuid.UUID) -> RunDetails:
    """What the events of a run tell of it, wherever they lie."""
    row = await _TIMES.fetch_row(connection, run=run)
    return await get_details(connection, run, row[0], row[1]) if row else RunDetails()
