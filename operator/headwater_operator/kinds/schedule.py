"""Schedules: objects that start one and the same job again and again, and what they say of the runs that they started.

A CronJob and a CronWorkflow differ in the names of their fields only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from ..observation import ObjectRef
from .adapter import Body
from .reading import read_time

MOST_TIMES = 10_000
"""How many times are counted at most: a schedule of every minute has had a week."""

_SCHEDULED_AT = ("batch.kubernetes.io/cronjob-scheduled-timestamp", "workflows.argoproj.io/scheduled-time")
_IN_ZONE = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.+)")
_EVERY = re.compile(r"@every\s+(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a schedule says of itself.

    `last` is the time for which it last started a run. `keeps_succeeded` and `keeps_failed` are how many runs that
    ended so are kept when later ones end, the latest of them; `expires` says that they may also go after a while.
    `ended` is how many of its runs have ended in all, None where it does not count them.
    """

    created: datetime
    last: datetime | None
    expressions: tuple[str, ...]
    zone: str
    keeps_succeeded: int
    keeps_failed: int
    expires: bool = False
    ended: int | None = None

    def times(self, since: datetime, until: datetime) -> list[datetime]:
        """When runs were to start after `since` and not after `until`, the latest of them where there are too many.

        The expressions are read as robfig/cron reads them for both controllers. Raises ValueError for one that is none.
        """
        found = {time for each in self.expressions for time in _times(each, self.zone, since, until)}
        return sorted(found)[-MOST_TIMES:]


@runtime_checkable
class ScheduleSource(Protocol):
    """Is the adapter of a kind that starts runs by the clock."""

    def schedule(self, body: Body) -> Schedule:
        """What the object says of its schedule. Raises ValueError where it makes no sense."""


def scheduled_at(run: ObjectRef, schedule: ObjectRef) -> datetime | None:
    """The time for which a schedule started a run; None for one that a person started.

    Before Kubernetes 1.28 a CronJob's Jobs have it in their names only, in minutes.
    """
    for each in _SCHEDULED_AT:
        if time := read_time(run.annotations.get(each)):
            return time
    minutes = run.name.removeprefix(f"{schedule.name}-")
    return datetime.fromtimestamp(int(minutes) * 60, UTC) if re.fullmatch(r"\d{8}", minutes) else None


def limit(spec: Mapping[str, object], field: str, default: int) -> int:
    """A limit of a spec."""
    found = spec.get(field)
    return found if isinstance(found, int) else default


def _times(expression: str, zone: str, since: datetime, until: datetime) -> Iterator[datetime]:
    """The times, the latest first."""
    if every := _EVERY.fullmatch(expression.strip()):
        hours, minutes, seconds = (int(each or 0) for each in every.groups())
        step = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if not step:
            raise ValueError(f"the schedule {expression} has no period")
        steps = min(-((since - until) // step), MOST_TIMES)
        return (until - step * each for each in range(steps))
    if in_zone := _IN_ZONE.fullmatch(expression.strip()):
        zone, expression = in_zone.groups()
    try:
        after = (until + timedelta(seconds=1)).astimezone(ZoneInfo(zone or "UTC"))
        backwards = (each.astimezone(UTC) for each in CronSim(_plain(expression), after, reverse=True))
        return takewhile(lambda time: time > since, islice(backwards, MOST_TIMES))
    except (CronSimError, ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"the schedule {expression} in {zone or 'UTC'} is not understood: {error}") from error


def _plain(expression: str) -> str:
    """The expression in five fields. A step over all days restricts them, where other crons take it for a star."""
    fields = _NAMES.get(expression.strip(), expression).replace("?", "*").split()
    if len(fields) != 5:
        raise ValueError("it has not five fields")
    for at, every in ((2, "1-31"), (4, "0-6")):
        if fields[at].startswith("*/") and fields[at] != "*/1":
            fields[at] = every + fields[at].removeprefix("*")
    return " ".join(fields)


def expressions(spec: Mapping[str, object]) -> Sequence[str]:
    """The expressions of a spec, which has one, or a list of them."""
    several = spec.get("schedules")
    listed = [*several] if isinstance(several, Sequence) and not isinstance(several, str) else []
    return [each for each in (spec.get("schedule"), *listed) if isinstance(each, str) and each]
