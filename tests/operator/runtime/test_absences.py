"""Runs that came and went while nobody watched are counted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from headwater_operator.absences import SETTLING_SECONDS, Absences
from headwater_operator.kinds import ADAPTERS
from headwater_operator.ledger import Account
from headwater_operator.naming import ClusterNames
from headwater_operator.owners import object_ref
from headwater_operator.records import Record

from .cluster import EPOCH, KINDS, Cluster, at, make_object, uid
from .conftest import Start, Told
from .stories import JOB, complete, declare

MINUTE = 60
SCHEDULED_AT = {"CronJob": "batch.kubernetes.io/cronjob-scheduled-timestamp"}
SCHEDULED_AT |= {"CronWorkflow": "workflows.argoproj.io/scheduled-time"}
RUNS = {"CronJob": "Job", "CronWorkflow": "Workflow"}


class Away:
    """An operator that comes back: a schedule of every minute was accounted for until `left`, in minutes."""

    def __init__(self, left: float | None = 0, kind: str = "CronJob", **account: Any) -> None:
        self.seconds = 0.0
        self.kind = kind
        self.uid = uid(KINDS[kind].plural, "team-a", "nightly")
        self.kept: dict[str, Account] = {}
        if left is not None:
            until = EPOCH + timedelta(minutes=left)
            self.kept[self.uid] = Account(**{"uid": self.uid, "until": until, "missed": 0, "ended": None, **account})
        self.absences = Absences(ADAPTERS, self.kept, None, lambda: self.seconds)

    def come_back(self) -> None:
        """Another process takes over what this one kept."""
        self.absences = Absences(ADAPTERS, self.kept, EPOCH, lambda: self.seconds)

    def find_schedule(self, last: float, status: dict[str, Any] | None = None, **spec: Any) -> None:
        """The schedule says that it last started a run at a minute."""
        field = "lastScheduleTime" if self.kind == "CronJob" else "lastScheduledTime"
        status = {field: at(last * MINUTE), **(status or {})}
        body = make_object(KINDS[self.kind], "nightly", spec={"schedule": "* * * * *", **spec}, status=status)
        self.absences.see(KINDS[self.kind], body)

    def find_runs(self, minutes: Iterable[float], *, is_gone: bool = False) -> None:
        """The runs of some minutes are there, and have ended well."""
        owner = make_object(KINDS[self.kind], "nightly")
        for minute in minutes:
            run = RUNS[self.kind]
            annotations = {SCHEDULED_AT[self.kind]: at(minute * MINUTE)}
            ended = {"phase": "Succeeded", "startedAt": at(minute * MINUTE), "finishedAt": at(minute * MINUTE)}
            status = complete() if run == "Job" else ended
            body = make_object(KINDS[run], f"nightly-{minute}", annotations=annotations, owner=owner, status=status)
            ref = object_ref(f"{KINDS[self.kind].kind}.{KINDS[self.kind].group}", owner["metadata"])
            record = Record(KINDS[run], "team-a", f"nightly-{minute}", body["metadata"]["uid"])
            adapters = [each for each in ADAPTERS if each.resource.kind == run]
            record.observations = tuple(
                one for each in adapters for one in each.observe(body, (ref,), ClusterNames("c1"))
            )
            record.gone_at = EPOCH if is_gone else None
            self.absences.note(record)

    def missed(self) -> int:
        """How many runs were missed, once what was seen has settled."""
        self.seconds += SETTLING_SECONDS
        self.kept |= self.absences.settle()
        return self.absences.missed(self.uid)


def test_a_run_whose_object_is_no_longer_there_was_missed() -> None:
    away = Away()
    away.find_schedule(1)
    assert away.missed() == 1


def test_a_run_whose_object_is_there_was_not() -> None:
    away = Away()
    away.find_runs([1])
    away.find_schedule(1)
    assert away.missed() == 0


def test_nothing_is_said_before_all_was_seen() -> None:
    away = Away()
    away.find_schedule(1)
    away.absences.settle()
    assert away.absences.missed(away.uid) == 0


@pytest.mark.parametrize("kind", ["CronJob", "CronWorkflow"])
def test_every_run_that_made_room_for_others_was_missed(kind: str) -> None:
    away = Away(kind=kind)
    away.find_runs([8, 9, 10])
    away.find_schedule(10)
    assert away.missed() == 7


def test_where_nothing_had_to_make_room_only_the_last_can_have_gone() -> None:
    away = Away()
    away.find_runs([8, 9])
    away.find_schedule(10)
    assert away.missed() == 1


def test_what_is_later_than_the_oldest_that_is_kept_was_never_started() -> None:
    away = Away()
    away.find_runs([4, 8, 10])
    away.find_schedule(10)
    assert away.missed() == 3


def test_where_none_is_kept_all_were_missed() -> None:
    away = Away()
    away.find_schedule(10, successfulJobsHistoryLimit=0)
    assert away.missed() == 10


def test_where_runs_go_after_a_while_all_can_have_gone() -> None:
    away = Away()
    away.find_runs([10])
    away.find_schedule(10, jobTemplate={"spec": {"ttlSecondsAfterFinished": 60}})
    assert away.missed() == 9


def test_no_more_were_missed_than_the_schedule_counts() -> None:
    away = Away(kind="CronWorkflow", ended=100)
    away.find_runs([8, 9, 10])
    away.find_schedule(10, status={"succeeded": 105, "failed": 0})
    assert away.missed() == 2


def test_a_schedule_that_cannot_be_read_has_missed_its_last_run() -> None:
    away = Away()
    away.find_schedule(10, schedule="H * * * *", successfulJobsHistoryLimit=0)
    assert away.missed() == 1


def test_who_comes_first_has_missed_nothing() -> None:
    away = Away(left=None)
    away.find_schedule(10, successfulJobsHistoryLimit=0)
    assert away.missed() == 0


def test_what_was_counted_is_not_counted_again() -> None:
    away = Away()
    away.find_schedule(1)
    assert away.missed() == 1
    away.come_back()
    away.find_schedule(1)
    assert away.missed() == 1
    away.find_schedule(2)
    assert away.missed() == 2


def test_a_run_that_was_seen_and_went_is_not_missed() -> None:
    away = Away(left=None)
    away.find_schedule(0)
    away.find_runs([1])
    away.find_runs([1], is_gone=True)
    away.find_schedule(1)
    assert away.missed() == 0


def test_a_run_that_a_watch_did_not_show_is_missed_too() -> None:
    away = Away(left=None)
    away.find_schedule(0)
    assert away.missed() == 0
    away.find_schedule(1)
    assert away.missed() == 1


def test_a_run_that_is_seen_late_is_no_longer_missed() -> None:
    away = Away()
    away.find_schedule(1)
    assert away.missed() == 1
    away.find_runs([1])
    assert away.missed() == 0


def test_a_schedule_that_never_rests_is_accounted_for() -> None:
    away = Away()
    away.find_schedule(1)
    away.seconds += SETTLING_SECONDS / 2
    away.find_schedule(2)
    away.seconds += SETTLING_SECONDS / 2
    assert away.absences.settle()


async def test_a_pipeline_says_how_many_runs_it_missed_and_a_restart_changes_nothing(
    cluster: Cluster, start: Start, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater_operator.absences.SETTLING_SECONDS", 3.0)
    await declare(cluster)
    spec = {"schedule": "* * * * *", "jobTemplate": {"spec": JOB}}
    nightly = await cluster.create("CronJob", "nightly", spec=spec, status={"lastScheduleTime": at(0)})
    async with start() as operator:
        await cluster.until_status("all", lambda status: status.get("jobs") == 1)
        await cluster.until_seen(operator, 1)
    for minute in (8, 9, 10):
        annotations = {SCHEDULED_AT["CronJob"]: at(minute * MINUTE)}
        parts = {"owner": nightly, "annotations": annotations, "status": complete()}
        await cluster.create("Job", f"nightly-{minute}", spec=JOB, **parts)
    await cluster.change("CronJob", "nightly", status={"lastScheduleTime": at(10 * MINUTE)})
    for _ in range(2):
        async with start() as operator:
            await told.runs("nightly")
            await cluster.until_status("all", lambda status: status.get("missed") == 7)
            await cluster.until_seen(operator, 4)
        assert (cluster.get("LineagePipeline", "all") or {})["status"]["missed"] == 7
        await cluster.change("LineagePipeline", "all", status={"missed": 0})
