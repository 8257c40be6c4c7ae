"""Runs that came and went while nobody watched are counted."""

from __future__ import annotations

from datetime import timedelta

from headwater_operator.absences import SCHEDULED_AT, SETTLING, Absences

from .cluster import EPOCH, KINDS, at, make_object

CRON = make_object(KINDS["CronJob"], "nightly", status={"lastScheduleTime": at(50)})
JOB = make_object(KINDS["Job"], "nightly-1", owner=CRON, annotations={SCHEDULED_AT: at(50)})


def absences(left: float, came: float) -> Absences:
    """An operator that was away between two times, and has been back for a while."""
    times = iter([EPOCH + timedelta(seconds=came)])
    return Absences(EPOCH + timedelta(seconds=left), lambda: next(times, EPOCH + timedelta(seconds=came) + SETTLING))


def test_a_run_whose_job_is_no_longer_there_was_missed() -> None:
    away = absences(40, 60)
    away.see(KINDS["CronJob"], CRON)
    assert away.has_missed(CRON["metadata"]["uid"])


def test_a_run_whose_job_is_still_there_was_not() -> None:
    away = absences(40, 60)
    away.see(KINDS["Job"], JOB)
    away.see(KINDS["CronJob"], CRON)
    assert not away.has_missed(CRON["metadata"]["uid"])


def test_a_run_of_a_time_when_somebody_watched_was_not() -> None:
    away = absences(55, 60)
    away.see(KINDS["CronJob"], CRON)
    assert not away.has_missed(CRON["metadata"]["uid"])


def test_who_comes_first_has_missed_nothing() -> None:
    away = Absences(None)
    away.see(KINDS["CronJob"], CRON)
    assert not away.has_missed(CRON["metadata"]["uid"])
