"""Smaller rows of events and runs, and the templates of bodies.

An event is filed under the first half of its identity, and its kind, which nobody asks for, is gone: the partitions of
events are written anew, in about a minute for ten million rows. A build of an earlier revision can read neither these
rows nor the bodies and runs that are written from now on, so it may not run on this schema.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COMMENTS = {
    "events": "Every event as it was sent, under its run, or under its dataset or job; body is a zstd frame, or what the body has in the holes of a template. event_id is the first half of the event's identity",
    "runs": "Runs as their events say, merged. created is the time in a UUIDv7, else that of the first event to arrive; events_from and events_to bound the times of the run's events where started_at and ended_at do not; merge is what it takes beside the other columns to merge a further event",
}


def upgrade() -> None:
    """Changes the tables."""
    op.create_table(
        "body_templates",
        sa.Column("template_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pieces", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("template_id"),
        comment="What bodies of events that are alike share: the text between their holes, as msgpack, zstd",
    )
    op.drop_column("events", "kind")
    op.execute(
        "ALTER TABLE events ALTER COLUMN event_id TYPE bigint"
        " USING ('x' || left(replace(event_id::text, '-', ''), 16))::bit(64)::bigint"
    )
    for column in ("events_from", "events_to"):
        op.alter_column("runs", column, nullable=True)
    for table, comment in _COMMENTS.items():
        op.create_table_comment(table, comment)
    op.execute("UPDATE schema_info SET compatible_from = '0005'")
