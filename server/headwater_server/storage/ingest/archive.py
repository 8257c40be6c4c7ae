"""Keeps events as they were sent, and those that were rejected."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from ...domain.event import Event
from ...domain.ids import event_id
from ...domain.ingest_ports import Rejection
from ..database import Connection
from ..kept_bodies import BodyKeeper
from .rows import InsertMissing, KnownRows

MAX_REJECTED_BYTES = 65_536
"""How much of a rejected event is kept."""

TEMPLATES = InsertMissing("body_templates", {"template_id": "bigint", "pieces": "bytea"})
_ADD_EVENTS = """
INSERT INTO events (subject, event_time, event_id, received, sender_id, body)
SELECT subject, event_time, event_id, $4, sender_id, body
FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $5::bigint[], $6::bytea[])
    AS new (subject, event_time, event_id, sender_id, body)
ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING
RETURNING event_id, (SELECT pg_current_xact_id()::text)
"""


async def add_events(
    connection: Connection,
    known: KnownRows,
    arrivals: Sequence[tuple[Event, int]],
    received: datetime,
    bodies: BodyKeeper,
) -> tuple[set[bytes], str | None]:
    """Keeps events that were not kept before, each with the id of who sent it; their identities, and the transaction's
    position unless there are none.
    """
    events = [event for event, _ in arrivals]
    kept = await bodies.keep(events)
    missing = known.missing("body_templates", kept.templates)
    await TEMPLATES.run(connection, await bodies.keep_templates([kept.templates[key] for key in missing]))
    ids = [event_id(event.identity) for event in events]
    found = await connection.fetch(
        _ADD_EVENTS,
        [event.subject for event in events],
        [event.event_time for event in events],
        ids,
        received,
        [sender for _, sender in arrivals],
        kept.bodies,
    )
    identities = dict(zip(ids, (event.identity for event in events), strict=True))
    return {identities[row[0]] for row in found}, found[0][1] if found else None


async def add_rejections(connection: Connection, rejections: Iterable[Rejection]) -> None:
    """Keeps rejected events."""
    await connection.executemany(
        "INSERT INTO rejected_events (received, rejection_id, sender, reason, field, message, body, body_size)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (
                r.received,
                uuid.uuid4(),
                r.sender,
                r.reason,
                r.field.replace("\0", ""),
                r.message.replace("\0", ""),
                r.body[:MAX_REJECTED_BYTES],
                len(r.body),
            )
            for r in rejections
        ],
    )


async def list_rejections(
    connection: Connection, limit: int, after: tuple[datetime, uuid.UUID] | None
) -> list[tuple[uuid.UUID, Rejection]]:
    """Rejected events, newest first, past a place in the list."""
    rows = await connection.fetch(
        "SELECT rejection_id, received, sender, reason, field, message, body, body_size FROM rejected_events"
        " WHERE $2::timestamptz IS NULL OR (received, rejection_id) < ($2, $3::uuid)"
        " ORDER BY received DESC, rejection_id DESC LIMIT $1",
        limit,
        *(after or (None, None)),
    )
    return [(row[0], Rejection(*row[1:])) for row in rows]
