"""Which runs have said what they read and wrote, in trees of runs.

What was declared of a run counts only while neither the run nor a descendant of it has reported any input or output. A
run may be reported before its parent is, after it, or at the same moment in another process. So what matters is kept
as one report for each run that it matters for, to which everybody only adds: two who add to one report wait for each
other, and the later one sees what both said.

A run has a report once its events hold declared inputs or outputs, once they name a parent or root while nothing is
reported, or once a descendant has reported. A run that reports from the start what it read and wrote needs none: it
tells its ancestors at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .event import Event
from .model import EventKind
from .run_merge import RunMerge
from .statement import Statement


@dataclass(frozen=True, slots=True)
class RunReport:
    """What is known of a run in its tree.

    `declared`: its events hold inputs or outputs that were declared. `reported`: it, or a descendant of it, has said
    what it read or wrote. `ancestors`: the runs that its events ever named as its parent or root.
    """

    declared: bool = False
    reported: bool = False
    ancestors: frozenset[uuid.UUID] = frozenset()

    @property
    def is_muted(self) -> bool:
        """Whether what was declared does not count."""
        return self.declared and self.reported

    def __or__(self, other: RunReport) -> RunReport:
        """What both say together."""
        return RunReport(
            self.declared or other.declared, self.reported or other.reported, self.ancestors | other.ancestors
        )


REPORTED = RunReport(reported=True)
Reports = dict[uuid.UUID, RunReport]


def reports_in(
    events: Iterable[Event], runs: Mapping[uuid.UUID, RunMerge], statements: Mapping[int, Statement]
) -> Reports:
    """What new events add to reports; `runs` are those that they are about, as far as they were known before."""
    said: dict[uuid.UUID, list[Event]] = {}
    for event in events:
        if event.kind is EventKind.RUN:
            said.setdefault(event.subject, []).append(event)
    found: Reports = {}
    for run, told in said.items():
        for key, report in _added(run, told, runs.get(run), statements).items():
            found[key] = found.get(key, RunReport()) | report
    return found


def told_to_ancestors(reports: Reports) -> Reports:
    """What reports that grew add to those of the ancestors."""
    return {
        ancestor: REPORTED
        for run, report in reports.items()
        if report.reported
        for ancestor in report.ancestors
        if ancestor != run
    }


def _added(
    run: uuid.UUID, events: Iterable[Event], known: RunMerge | None, statements: Mapping[int, Statement]
) -> Reports:
    before = _before(run, known, statements)
    now = RunReport(
        any(event.statement.declares_io for event in events),
        any(event.statement.reports_io for event in events),
        frozenset(e.run for event in events for e in (event.parent, event.root) if e) - {run},
    )
    after = before | now
    if after == before:
        return {}
    # Who reports from the start tells its ancestors; who has told less before may have a report that names more.
    is_open = before != RunReport() and not before.reported
    own = after if after.declared or not after.reported or is_open else RunReport()
    told = {run: own} if own != RunReport() else {}
    return told_to_ancestors({run: after}) | told


def _before(run: uuid.UUID, known: RunMerge | None, statements: Mapping[int, Statement]) -> RunReport:
    if known is None:
        return RunReport()
    said = [statements[contribution.statement] for contribution in known.contributions]
    return RunReport(
        any(statement.declares_io for statement in said),
        any(statement.reports_io for statement in said),
        frozenset(named.run for named in (known.parent, known.root) if named) - {run},
    )
