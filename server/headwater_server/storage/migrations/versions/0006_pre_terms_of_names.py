"""Terms of names go on to their end, so that a word of several parts is looked up at once.

A build of an earlier revision looks for single parts, and writes them, so it may not run on this schema. The terms of a
million names are written anew in a few minutes.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_AT_ONCE = 20_000
_COMMENT = "What an asset can be found by: 1 its name from a part on, 2 tag, 3 owner, 4 field name, 5 dataset kind, 6 the end of its name, all in lower case. Holds all that ever was true; what is found is checked"
_SEGMENT = re.compile(r"[^\W_]+")
_START = re.compile(
    r"^|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])|(?<=[A-ZÀ-ÖØ-Þ])(?=[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ])"
)


def upgrade() -> None:
    """Writes the terms."""
    connection = op.get_bind()
    connection.execute(sa.text("DELETE FROM terms WHERE kind IN (1, 11)"))
    for table, key, kind in (("datasets", "dataset_id", 1), ("jobs", "job_id", 11)):
        read = sa.text(f"SELECT {key}, name FROM {table} WHERE {key} >= :first ORDER BY 1 LIMIT :count")
        write = sa.text(
            "INSERT INTO terms (kind, term, asset_id) SELECT :kind, * FROM unnest(CAST(:terms AS text[]),"
            " CAST(:assets AS bigint[]))"
        )
        first = -(2**63)
        while rows := connection.execute(read, {"first": first, "count": _AT_ONCE}).all():
            found = sorted((term, row[0]) for row in rows for term in set(_terms(row[1])))
            terms, assets = map(list, zip(*found, strict=True))
            connection.execute(write, {"kind": kind, "terms": terms, "assets": assets})
            first = rows[-1][0] + 1
    op.create_table_comment("terms", _COMMENT)
    op.execute("UPDATE schema_info SET compatible_from = '0006'")


def _terms(name: str) -> Iterator[str]:
    """The name in lower case, and the rest of it from each part on."""
    folded = name.lower()
    yield folded[:64]
    if len(folded) == len(name):
        starts = (s.start() + p.start() for s in _SEGMENT.finditer(name) for p in _START.finditer(s.group()))
        yield from (folded[start : start + 64] for _, start in zip(range(64), starts, strict=False))
