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
    said: dict[uuid.UUID, _Said] = {}
    for event in events:
        if event.kind is not EventKind.RUN:
            continue
        found = said.get(event.subject)
        if found is None:
            found = said[event.subject] = _Said()
        found.add(event)
    reports: Reports = {}
    for run, told in said.items():
        for key, report in _added(run, told, runs.get(run), statements).items():
            known = reports.get(key)
            reports[key] = known | report if known else report
    return reports


def told_to_ancestors(reports: Reports) -> Reports:
    """What reports that grew add to those of the ancestors."""
    return {
        ancestor: REPORTED
        for run, report in reports.items()
        if report.reported
        for ancestor in report.ancestors
        if ancestor != run
    }


class _Said:
    """What events say of one run, as a report has it."""

    def __init__(self) -> None:
        self.declared = self.reported = False
        self.ancestors: set[uuid.UUID] = set()

    def add(self, event: Event) -> None:
        statement = event.statement
        self.declared |= statement.declares_io
        self.reported |= statement.reports_io
        if event.parent:
            self.ancestors.add(event.parent.run)
        if event.root:
            self.ancestors.add(event.root.run)


def _added(run: uuid.UUID, told: _Said, known: RunMerge | None, statements: Mapping[int, Statement]) -> Reports:
    told.ancestors.discard(run)
    if known is None and not told.declared and told.reported:
        return dict.fromkeys(told.ancestors, REPORTED)
    before = _before(run, known, statements)
    now = RunReport(told.declared, told.reported, frozenset(told.ancestors))
    after = before | now
    if after == before:
        return {}
    # Who reports from the start tells its ancestors; who has told less before may have a report that names more.
    is_open = before != RunReport() and not before.reported
    own = after if after.declared or not after.reported or is_open else RunReport()
    added = {run: own} if own != RunReport() else {}
    return told_to_ancestors({run: after}) | added


def _before(run: uuid.UUID, known: RunMerge | None, statements: Mapping[int, Statement]) -> RunReport:
    if known is None:
        return RunReport()
    said = [statements[contribution.statement] for contribution in known.contributions]
    return RunReport(
        any(statement.declares_io for statement in said),
        any(statement.reports_io for statement in said),
        frozenset(named.run for named in (known.parent, known.root) if named) - {run},
    )
