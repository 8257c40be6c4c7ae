"""Keeps events as they were sent, and those that were rejected."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from ...domain.event import Event
from ...domain.ingest_ports import Rejection
from ..database import Connection
from ..event_bodies import BodyCompressor

MAX_REJECTED_BYTES = 65_536
"""How much of a rejected event is kept."""

_ADD_EVENTS = """
INSERT INTO events (subject, event_time, event_id, kind, received, sender_id, body)
SELECT subject, event_time, event_id, kind, $5, sender_id, body
FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::smallint[], $6::bigint[], $7::bytea[])
    AS new (subject, event_time, event_id, kind, sender_id, body)
ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING
RETURNING event_id, (SELECT pg_current_xact_id()::text)
"""


async def add_events(
    connection: Connection, arrivals: Sequence[tuple[Event, int]], received: datetime, bodies: BodyCompressor
) -> tuple[set[bytes], str | None]:
    """Keeps events that were not kept before, each with the id of who sent it; their identities, and the transaction's
    position unless there are none.
    """
    events = [event for event, _ in arrivals]
    found = await connection.fetch(
        _ADD_EVENTS,
        [event.subject for event in events],
        [event.event_time for event in events],
        [uuid.UUID(bytes=event.identity) for event in events],
        [event.kind for event in events],
        received,
        [sender for _, sender in arrivals],
        await bodies.compress([event.body for event in events]),
    )
    return {row[0].bytes for row in found}, found[0][1] if found else None


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
