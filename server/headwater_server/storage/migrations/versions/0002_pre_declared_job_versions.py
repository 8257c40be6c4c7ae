"""When JobEvents declared the versions of jobs, and an index that a search reads on over many names in.

A build of 0001 leaves the new columns empty and reads none of them, so it runs on this schema too. What was declared
before is taken from the inputs and outputs that were: where code alone tells versions apart, all of them count.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BACKFILL = """
UPDATE job_versions AS v
SET declared_first = d.first, declared_last = d.last[1], declared_last_event = d.events[1]
FROM (
    SELECT job_id, io_set_id, min(time) AS first, array_agg(time ORDER BY time DESC, event_id DESC) AS last,
        array_agg(event_id ORDER BY time DESC, event_id DESC) AS events
    FROM declarations GROUP BY job_id, io_set_id) AS d
WHERE v.job_id = d.job_id AND v.io_set_id = d.io_set_id
"""
_COMMENTS = {
    "job_versions": "States of jobs: code, inputs and outputs, and when JobEvents first and last declared them. A disputed"
    " one may have lost its runs, and is checked when it is read",
    "runs": "Runs as their events say, merged. created is the time in a UUIDv7, else that of the first event to arrive;"
    " events_from and events_to bound the times of the run's events; merge is what it takes to merge a further event",
    "statements": "What events state of a job and its datasets, once for each content; when the first and last event did",
    "terms": "What an asset can be found by: 1 a part of its name, 2 tag, 3 owner, 4 field name, 5 dataset kind, 6 the"
    " end of its name, all in lower case. Holds all that ever was true; what is found is checked",
    "transformations": "How a field is made of another: msgpack of [type, subtype, description, masking]; is_masking if"
    " all mask",
}


def upgrade() -> None:
    """Adds the columns, fills them as far as can be told, and makes the indexes.

    Comments of other tables say what is true of them now.
    """
    op.add_column("job_versions", sa.Column("declared_first", sa.DateTime(timezone=True), nullable=True))
    op.add_column("job_versions", sa.Column("declared_last", sa.DateTime(timezone=True), nullable=True))
    op.add_column("job_versions", sa.Column("declared_last_event", sa.Uuid(), nullable=True))
    op.execute(_BACKFILL)
    op.execute("ALTER TABLE job_versions SET (fillfactor = 80)")
    op.create_index(
        "job_versions_declared", "job_versions", ["job_id"], postgresql_where=sa.text("declared_first IS NOT NULL")
    )
    op.create_index(
        "datasets_shown",
        "datasets",
        ["name", "dataset_id"],
        postgresql_include=["canonical_id", "namespace_id"],
        postgresql_where=sa.text("canonical_id IS NULL OR canonical_id = dataset_id"),
    )
    op.drop_index("datasets_shown_by_name", "datasets")
    for table, comment in _COMMENTS.items():
        op.create_table_comment(table, comment)
