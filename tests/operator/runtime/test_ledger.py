"""The ledger outlives the operator."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from headwater_operator.ledger import Ledger, OpenObject
from headwater_operator.observation import Dataset, Job, ObjectRef, Observation, Run, RunState, Workload

TIME = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
LEFT = OpenObject(
    "u1", "Job.batch", "team-a", "clean", TIME,
    (Observation(
        (ObjectRef("Job.batch", "team-a", "clean", "u1", labels={"a": "b"}),),
        Job("clean"), Workload("Job.batch", "clean"),
        Run(UUID(int=1), RunState.RUNNING, TIME, inputs=(Dataset("s3://lake", "raw"),), start_facets={"x": {"y": 1}}),
    ),),
)  # fmt: skip


def test_what_is_noted_is_there_after_a_restart(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        assert ledger.watched_until is None
        ledger.note([LEFT], [], TIME)
    with Ledger(tmp_path / "ledger") as ledger:
        assert ledger.open_objects() == [LEFT]
        assert ledger.watched_until == TIME
        ledger.note([], ["u1"], TIME)
    with Ledger(tmp_path / "ledger") as ledger:
        assert ledger.open_objects() == []
