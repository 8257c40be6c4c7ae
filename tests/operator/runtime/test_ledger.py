"""The ledger outlives the operator."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from headwater_operator.ledger import Account, Ledger, OpenObject
from headwater_operator.observation import Dataset, Job, ObjectRef, Observation, Run, RunState, Workload
from headwater_operator.records import Record
from headwater_operator.stand_ins import StandIns, ToldRun
from headwater_operator.sweeping import LedgerKeeper

from .cluster import KINDS

TIME = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
LEFT = OpenObject(
    "u1", "Job.batch", "team-a", "clean", TIME,
    (Observation(
        (ObjectRef("Job.batch", "team-a", "clean", "u1", labels={"a": "b"}),),
        Job("clean"), Workload("Job.batch", "clean"),
        Run(UUID(int=1), RunState.RUNNING, TIME, inputs=(Dataset("s3://lake", "raw"),), start_facets={"x": {"y": 1}}),
    ),),
)  # fmt: skip


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(b"what a power cut left of it " * 400)
    with Ledger(tmp_path / "ledger") as ledger:
        assert ledger.open_objects() == []
        ledger.note([LEFT], [], TIME)
    with Ledger(tmp_path / "ledger") as ledger:
        assert ledger.open_objects() == [LEFT]
    assert (tmp_path / "ledger.damaged").read_bytes().startswith(b"what a power cut")


def test_what_cannot_be_written_is_written_later(tmp_path: Path) -> None:
    record = Record(KINDS["Job"], "team-a", "clean", "u1", LEFT.observations, seen_at=TIME)
    with Ledger(tmp_path / "ledger") as ledger, closing(sqlite3.connect(tmp_path / "ledger")) as other:
        keeper = LedgerKeeper(ledger, StandIns())
        keeper.touch(record)
        other.execute("BEGIN IMMEDIATE")
        keeper.write()
        other.rollback()
        assert ledger.open_objects() == []
        keeper.write()
        assert ledger.open_objects() == [LEFT]


def test_accounts_are_kept_and_forgotten(tmp_path: Path) -> None:
    account = Account("u1", TIME, 3, None)
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.keep([Account("u1", TIME, 2, 5), Account("u2", TIME, 0, 7)])
        ledger.keep([account])
    with Ledger(tmp_path / "ledger") as ledger:
        assert ledger.accounts() == {"u1": account, "u2": Account("u2", TIME, 0, 7)}
        ledger.forget("u2")
        assert ledger.accounts() == {"u1": account}


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


def test_what_pods_told_is_remembered_until_their_workflow_goes(tmp_path: Path) -> None:
    told = [ToldRun(UUID(int=each), UUID(int=each % 2 + 10), TIME) for each in range(4)]
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.note_told(told, [])
        ledger.note_told(told[:1], [UUID(int=11)])
    with Ledger(tmp_path / "ledger") as ledger:
        assert ledger.told_runs(TIME) == [told[0], told[2]]
        assert ledger.told_runs(TIME + timedelta(seconds=1)) == []
