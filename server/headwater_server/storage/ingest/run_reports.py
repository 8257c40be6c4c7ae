"""Adds to the reports of runs in trees; see `domain.run_reports`."""

from __future__ import annotations

from itertools import accumulate, chain

from ...domain.run_reports import REPORTED, Reports, RunReport
from ..database import Connection
from .rows import KnownRows

_GET = "SELECT run_id, declared, reported, ancestors FROM run_reports WHERE run_id = ANY($1::uuid[])"
_ADD = """
INSERT INTO run_reports AS known (run_id, declared, reported, ancestors)
SELECT run_id, declared, reported, ($6::uuid[])[low:high]
FROM unnest($1::uuid[], $2::boolean[], $3::boolean[], $4::bigint[], $5::bigint[])
    AS new (run_id, declared, reported, low, high)
ORDER BY 1
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
    new = {
        run: report for run, report in reports.items() if known.get(run) is None or known[run] | report != known[run]
    }
    if not new:
        return {}
    ancestors = [sorted(report.ancestors) for report in new.values()]
    ends = list(accumulate(map(len, ancestors)))
    written = await connection.fetch(
        _ADD,
        list(new),
        [report.declared for report in new.values()],
        [report.reported for report in new.values()],
        [end - len(own) + 1 for end, own in zip(ends, ancestors, strict=True)],
        ends,
        list(chain.from_iterable(ancestors)),
    )
    return {row[0]: RunReport(row[1], row[2], frozenset(row[3])) for row in written}
