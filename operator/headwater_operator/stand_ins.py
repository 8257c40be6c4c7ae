"""Runs that a Workflow tells in place of pods that are gone. Does no I/O.

A pod knows its times to the second and more of itself than its Workflow does, so where both tell a run the pod counts,
whichever is seen first. What stands in for a pod is held back until it is known that the pod is not there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from .observation import Observation, Run

_MOST_WORKFLOWS = 20_000


@dataclass(frozen=True, slots=True)
class ToldRun:
    """A run that a pod has told to its end, and the run of its Workflow."""

    run_id: UUID
    workflow: UUID
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A run that is held back: which object tells it, from when on, and since when on the loop's clock."""

    run_id: UUID
    workflow: UUID
    uid: str
    started_at: datetime
    ended_at: datetime
    since: float


class StandIns:
    """Which runs pods have told to their end, which are held back, and which were released: their pods are gone."""

    def __init__(self) -> None:
        self._told: OrderedDict[UUID, dict[UUID, datetime]] = OrderedDict()
        self._new: dict[UUID, ToldRun] = {}
        self._forgotten: set[UUID] = set()
        self._held: dict[UUID, Held] = {}
        self._released: dict[UUID, tuple[datetime, datetime]] = {}

    def note(self, observations: Iterable[Observation]) -> None:
        """Takes note of what objects tell of themselves: nobody has to stand in for a run that has ended so."""
        for each in observations:
            run = each.run
            if not each.is_stand_in and run is not None and run.parent is not None and run.ended_at is not None:
                told = ToldRun(run.run_id, run.parent.run_id, run.ended_at)
                if not self._is_told(told.workflow, told.run_id, told.ended_at):
                    self.remember([told])
                    self._new[told.run_id] = told

    def remember(self, told: Iterable[ToldRun]) -> None:
        """Takes over what an earlier process has noted."""
        for each in told:
            self._told.setdefault(each.workflow, {})[each.run_id] = each.ended_at
            self._told.move_to_end(each.workflow)
        while len(self._told) > _MOST_WORKFLOWS:
            self._told.popitem(last=False)

    def sift(self, uid: str, observations: Iterable[Observation], now: float) -> tuple[Observation, ...]:
        """The observations of an object without those that pods have told; what may yet be told so is held back."""
        found = []
        for each in observations:
            run = each.run
            if each.is_stand_in and run is not None and run.parent is not None:
                if self._is_told(run.parent.run_id, run.run_id, run.started_at):
                    self._held.pop(run.run_id, None)
                    continue
                self._hold(uid, run, run.parent.run_id, now)
            found.append(each)
        return tuple(found)

    def holds(self, observation: Observation) -> bool:
        """Whether an observation is held back."""
        return observation.is_stand_in and observation.run is not None and observation.run.run_id in self._held

    def holds_of(self, uid: str) -> bool:
        """Whether anything of an object is held back."""
        return any(each.uid == uid for each in self._held.values())

    def held(self, before: float) -> list[UUID]:
        """The runs that have been held back since before a time."""
        return [each.run_id for each in self._held.values() if each.since < before]

    def prune(self) -> set[str]:
        """Lets go of what pods have told by now; gives the UIDs of the objects that told it in their place."""
        told = [each for each in self._held.values() if self._is_told(each.workflow, each.run_id, each.started_at)]
        for each in told:
            del self._held[each.run_id]
        return {each.uid for each in told}

    def release(self, absent: Collection[UUID]) -> set[str]:
        """Says that the pods of some runs are not there; gives the UIDs of the objects that count in their place."""
        released = [self._held.pop(each) for each in absent if each in self._held]
        self._released |= {each.run_id: (each.started_at, each.ended_at) for each in released}
        return {each.uid for each in released}

    def speaks_for(self, run: Run) -> bool:
        """Whether somebody stands in for a run, so that its end is known although its own object went unseen."""
        held = self._held.get(run.run_id)
        times = (held.started_at, held.ended_at) if held else self._released.get(run.run_id)
        return times is not None and times[0] <= run.started_at <= times[1]

    def forget(self, observations: Iterable[Observation]) -> None:
        """Says that an object that showed these observations is gone."""
        for each in observations:
            if each.run is None:
                continue
            if each.is_stand_in:
                self._released.pop(each.run.run_id, None)
            elif each.run.parent is None:
                self._told.pop(each.run.run_id, None)
                self._forgotten.add(each.run.run_id)

    def take_changes(self) -> tuple[list[ToldRun], set[UUID]]:
        """What was noted, and of which Workflows nothing is to be remembered any more, since this was asked last."""
        new, forgotten = list(self._new.values()), self._forgotten
        self._new, self._forgotten = {}, set()
        return new, forgotten

    def _hold(self, uid: str, run: Run, workflow: UUID, now: float) -> None:
        """Holds a run back that was not released. A retried run is another one: its pod may be there again."""
        times = (run.started_at, run.ended_at or run.started_at)
        if self._released.get(run.run_id) != times:
            self._released.pop(run.run_id, None)
            since = self._held[run.run_id].since if run.run_id in self._held else now
            self._held[run.run_id] = Held(run.run_id, workflow, uid, *times, since)

    def _is_told(self, workflow: UUID, run_id: UUID, started_at: datetime) -> bool:
        """Whether the run was told to its end; a retried run's pod may have gone unseen after the first one's end."""
        told = self._told.get(workflow, {}).get(run_id)
        return told is not None and started_at <= told
