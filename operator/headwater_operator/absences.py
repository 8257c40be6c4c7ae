"""What came and went while the operator was away, as far as what is left shows it. Does no I/O.

A CronJob says when it last started a Job. Where that was while nobody watched, and the Job is no longer there, a run
was missed: it is counted, since nothing else is known of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .kinds.adapter import Body, Resource
from .owners import controller

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"
SETTLING = timedelta(seconds=30)
"""How long after the start nothing is said yet: CronJobs may be listed before their Jobs."""


def _now() -> datetime:
    return datetime.now(UTC)


class Absences:
    """Tells which CronJobs have a run that nobody saw. `watched_until` is when the process before was last there."""

    def __init__(self, watched_until: datetime | None, now: Callable[[], datetime] = _now) -> None:
        self._watched_until = watched_until
        self._now = now
        self._began_at = now()
        self._scheduled: dict[str, datetime] = {}
        self._ran: dict[str, datetime] = {}

    def see(self, resource: Resource, body: Body) -> None:
        """Takes note of a CronJob or a Job of one."""
        if self._watched_until is None:
            return
        metadata = body["metadata"]
        if resource.name == "CronJob.batch":
            last = (body.get("status") or {}).get("lastScheduleTime")
            if last and self._watched_until < datetime.fromisoformat(last) < self._began_at:
                self._scheduled[metadata["uid"]] = datetime.fromisoformat(last)
            else:
                self._scheduled.pop(metadata["uid"], None)
        elif resource.name == "Job.batch" and (owner := controller(metadata)):
            time = _scheduled_at(metadata)
            self._ran[owner.uid] = max(time, self._ran.get(owner.uid, time))

    def has_missed(self, uid: str) -> bool:
        """Whether a run of an object was missed."""
        scheduled = self._scheduled.get(uid)
        if scheduled is None or self._now() < self._began_at + SETTLING:
            return False
        ran = self._ran.get(uid)
        return ran is None or ran < scheduled


def _scheduled_at(metadata: Mapping[str, Any]) -> datetime:
    text = (metadata.get("annotations") or {}).get(SCHEDULED_AT) or metadata["creationTimestamp"]
    return datetime.fromisoformat(text)
