"""Which successful runs are kept whole, where a pipeline asks for a sample of them.

Of a run that is left out only the text of its events is dropped. Whether it can be dropped depends on what other events
say: that the run failed after all, or which run of a job was the first. So it is decided some time after the last
event of the run came, and decided again, a day later, where something is in the way: for whatever order events come
in, the same is left.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from hashlib import blake2b
from typing import NamedTuple

from .batch import RunChange
from .model import RunState
from .run_merge import RunMerge

SETTLE = timedelta(minutes=10)
"""How long after its last event a run is decided on: a later event finds the text of earlier ones gone."""
HOLD = timedelta(days=1)
"""After how long it is decided again on a run that has to be kept: an earlier one may have come to light."""


class SamplingRule(NamedTuple):
    """How many in a hundred of the successful runs of a pipeline are kept whole."""

    percent: int
    pipeline: int


SamplingRules = Mapping[int, SamplingRule]
"""The rules of jobs that are workloads of pipelines, by the jobs' ids; none at all where nobody samples."""


class Decision(Enum):
    """What becomes of a run that is not in the sample."""

    DROP = "its text is dropped"
    HOLD = "it is kept, for now"
    KEEP = "it is kept"


@dataclass(frozen=True, slots=True)
class Novelty:
    """What a run was the first to bring: `is_first_run` of its job, or `has_new_version` of its job or of a schema."""

    is_first_run: bool
    has_new_version: bool


def is_in_sample(run: uuid.UUID, percent: int) -> bool:
    """Whether a run is one of so many in a hundred: always the same ones."""
    return int.from_bytes(blake2b(run.bytes, digest_size=8).digest(), "big") % 100 < percent


def rule_for(run: RunMerge, rules: SamplingRules) -> SamplingRule | None:
    """The rule that holds for a run: that of its job, else of its parent's, else of its root's."""
    jobs = [run.job, *(reference.job for reference in (run.parent, run.root) if reference)]
    return next((rules[job] for job in jobs if job in rules), None)


def left_out(changes: Iterable[RunChange], rules: SamplingRules) -> set[uuid.UUID]:
    """Those of changed runs that succeeded and are not in the sample of their pipeline."""
    return {change.run for change in changes if is_left_out(change.run, change.after, rules)} if rules else set()


def is_left_out(run: uuid.UUID, state: RunMerge, rules: SamplingRules) -> bool:
    """Whether a run succeeded and is not in the sample of its pipeline."""
    rule = rule_for(state, rules)
    return state.state is RunState.SUCCEEDED and rule is not None and not is_in_sample(run, rule.percent)


def decide(run: uuid.UUID, state: RunMerge, novelty: Novelty, rules: SamplingRules) -> Decision:
    """What becomes of a run, once its events have come."""
    if not is_left_out(run, state, rules):
        return Decision.KEEP
    return Decision.HOLD if novelty.is_first_run or novelty.has_new_version else Decision.DROP
