"""Adds to the reports of runs in trees; see `domain.run_reports`."""

from __future__ import annotations

from ...domain.run_reports import REPORTED, Reports, RunReport
from ..database import Connection
from .rows import KnownRows

_GET = "SELECT run_id, declared, reported, ancestors FROM run_reports WHERE run_id = ANY($1::uuid[])"
_ADD = """
INSERT INTO run_reports AS known (run_id, declared, reported, ancestors) VALUES ($1, $2, $3, $4)
ON CONFLICT (run_id) DO UPDATE SET
    declared = known.declared OR excluded.declared,
    reported = known.reported OR excluded.reported,
    ancestors = ARRAY(SELECT unnest(known.ancestors) UNION SELECT unnest(excluded.ancestors) ORDER BY 1)
RETURNING run_id, declared, reported, ancestors
"""


async def add_reports(connection: Connection, known_rows: KnownRows, reports: Reports) -> Reports:
    """Adds to reports; those that grew by it, whole, and locked until the transaction ends.

    What others have committed is not written again: they told it to the ancestors in the same transaction.
    """
    plain = known_rows.missing("reported", [run for run, report in reports.items() if report == REPORTED])
    reports = {run: report for run, report in reports.items() if report != REPORTED} | dict.fromkeys(plain, REPORTED)
    if not reports:
        return {}
    rows = await connection.fetch(_GET, list(reports))
    known = {row[0]: RunReport(row[1], row[2], frozenset(row[3])) for row in rows}
    new = [
        (run, report.declared, report.reported, sorted(report.ancestors))
        for run, report in sorted(reports.items())
        if known.get(run) is None or known[run] | report != known[run]
    ]
    if not new:
        return {}
    written = await connection.fetchmany(_ADD, new)
    return {row[0]: RunReport(row[1], row[2], frozenset(row[3])) for row in written}
