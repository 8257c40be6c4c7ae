"""When schedules start their runs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headwater_operator.kinds.argo_workflow import CronWorkflowAdapter
from headwater_operator.kinds.job import CronJobAdapter
from headwater_operator.kinds.schedule import MOST_TIMES, Schedule, scheduled_at

from .objects import an_object, ref, with_status

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def times(expression: str, since: str, until: str, zone: str = "") -> list[str]:
    """The times of a schedule, as days, hours and minutes in UTC."""
    schedule = Schedule(CREATED, None, (expression,), zone, 3, 1)
    found = schedule.times(datetime.fromisoformat(f"{since}Z"), datetime.fromisoformat(f"{until}Z"))
    return [each.strftime("%d %H:%M") for each in found]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 3 * * *", ["01 03:00", "02 03:00"]),
        ("@daily", ["02 00:00"]),
        ("0 */12 ? * ?", ["01 12:00", "02 00:00"]),
        ("0 3 1 * TUE", ["01 03:00"]),
        ("0 3 */2 * 5", ["01 03:00"]),
        ("@every 10h", ["01 03:00", "01 13:00", "01 23:00"]),
        ("TZ=Asia/Tokyo 0 3 * * *", ["01 18:00"]),
    ],
)
def test_times_are_those_that_the_controllers_find(expression: str, expected: list[str]) -> None:
    until = "2026-09-01T23:00" if expression.startswith("@every") else "2026-09-02T03:00"
    assert times(expression, "2026-09-01T00:00", until) == expected


def test_a_time_zone_has_its_summer_time() -> None:
    assert times("30 3 * * *", "2026-03-27T12:00", "2026-03-30T12:00", "Europe/Berlin") == [
        *("28 02:30", "29 01:30", "30 01:30"),
    ]


def test_the_beginning_is_no_part_and_the_end_is() -> None:
    assert times("* * * * *", "2026-09-01T00:00", "2026-09-01T00:02") == ["01 00:01", "01 00:02"]


def test_too_many_times_are_cut_to_the_latest() -> None:
    found = times("* * * * *", "2026-01-01T00:00", "2026-09-01T00:02")
    assert len(found) == MOST_TIMES
    assert found[-1] == "01 00:02"


@pytest.mark.parametrize(
    ("expression", "zone"), [("soon", ""), ("0 3 * *", ""), ("0 3 * * *", "Mars/Olympus"), ("@every 0s", "")]
)
def test_what_is_no_schedule_is_said(expression: str, zone: str) -> None:
    with pytest.raises(ValueError, match="the schedule"):
        times(expression, "2026-09-01T00:00", "2026-09-02T03:00", zone)


def test_a_cron_job_says_when_it_starts_and_what_it_keeps() -> None:
    text = """
spec:
  schedule: 0 3 * * *
  timeZone: Europe/Berlin
  successfulJobsHistoryLimit: 0
  jobTemplate: {spec: {ttlSecondsAfterFinished: 60}}
"""
    schedule = CronJobAdapter().schedule(
        with_status(an_object("nightly", text), "lastScheduleTime: 2026-09-01T01:00:00Z")
    )
    assert (schedule.expressions, schedule.zone) == (("0 3 * * *",), "Europe/Berlin")
    assert (schedule.keeps_succeeded, schedule.keeps_failed, schedule.expires) == (0, 1, True)
    assert schedule.last == datetime(2026, 9, 1, 1, tzinfo=UTC)
    assert schedule.ended is None


def test_a_cron_workflow_has_several_schedules_and_counts_what_ended() -> None:
    text = """
spec:
  schedules: [0 3 * * *, 0 9 * * *]
  timezone: Europe/Berlin
  workflowSpec: {}
"""
    body = with_status(an_object("nightly", text), "{lastScheduledTime: 2026-09-01T01:00:00Z, succeeded: 4, failed: 2}")
    schedule = CronWorkflowAdapter().schedule(body)
    assert schedule.expressions == ("0 3 * * *", "0 9 * * *")
    assert (schedule.zone, schedule.ended, schedule.expires) == ("Europe/Berlin", 6, False)


def test_a_run_says_for_when_it_was_started() -> None:
    nightly = ref("CronJob.batch", "nightly")
    note = {"batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-09-01T05:00:00+02:00"}
    assert scheduled_at(ref("Job.batch", "x", **note), nightly) == datetime(2026, 9, 1, 3, tzinfo=UTC)
    assert scheduled_at(ref("Job.batch", "nightly-29713140"), nightly) == datetime(2026, 6, 30, 3, tzinfo=UTC)
    assert scheduled_at(ref("Job.batch", "by-hand"), nightly) is None
