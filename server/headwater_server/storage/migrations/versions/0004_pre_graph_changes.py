"""The log of what changed in the graph, for servers that hold it in memory.

A build of an earlier revision writes links without a word in the log, so it may not write on this schema.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "graph_changes",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("position", "kind", "key"),
        comment="What changed in the graph, for those who hold it in memory: position is the transaction; kind 1 links of a job, 2 joined names or deletions of an asset, 3 what tells an asset's kind. Kept for an hour",
    )
    op.create_table(
        "graph_changes_pruned",
        sa.Column("only_row", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("through", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("only_row"),
        comment="The last position whose changes may have been dropped",
    )
    op.execute("UPDATE schema_info SET compatible_from = '0004'")
