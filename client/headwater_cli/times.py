"""Times as people write and read them. Pure, save for the clock and the local zone."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from google.protobuf.timestamp_pb2 import Timestamp

_AGO = re.compile(
    r"(\d+(?:\.\d+)?)\s*(s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|w|weeks?)(?:\s+ago)?", re.IGNORECASE
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Time(click.ParamType[datetime]):
    """Is an option's value that is a time."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Reads the value; a click error says how times are written."""
        if isinstance(value, datetime):
            return value
        try:
            return read_time(value, datetime.now(UTC).astimezone())
        except (ValueError, OverflowError):
            ways = "2026-11-20, 2026-11-20T08:15:00Z, yesterday, '2 days ago' or 1h"
            self.fail(f"{value!r} is no time; write it like {ways}", param, ctx)


def read_time(text: str, now: datetime) -> datetime:
    """Reads a time, in the zone of `now` where it names none. Raises ValueError and OverflowError.

    Days are those of the calendar in that zone: `yesterday` is when it began, and a date is when that day began.

    >>> read_time("2 days ago", datetime(2026, 11, 22, 9, tzinfo=UTC))
    datetime.datetime(2026, 11, 20, 9, 0, tzinfo=datetime.timezone.utc)
    """
    word = text.strip().lower()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"now": now, "today": today, "yesterday": today - timedelta(days=1)}
    if word in named:
        return named[word]
    if ago := _AGO.fullmatch(word):
        return now - timedelta(seconds=float(ago[1]) * _SECONDS[ago[2][0]])
    time = datetime.fromisoformat(text.strip())
    return time if time.tzinfo else time.replace(tzinfo=now.tzinfo)


def show_time(time: Timestamp | datetime) -> str:
    """Writes a time in the local zone, to the second, as options read it again; nothing for a time that is not set."""
    moment = time.ToDatetime(UTC) if isinstance(time, Timestamp) else time
    if moment.timestamp() == 0:
        return ""
    return moment.astimezone().isoformat(timespec="seconds").replace("+00:00", "Z")


def show_duration(start: Timestamp, end: Timestamp) -> str:
    """Writes how long something took, in two units at most; nothing where it has not ended.

    >>> show_duration(Timestamp(seconds=1), Timestamp(seconds=3724))
    '1h 2m'
    """
    if not (start.ToNanoseconds() and end.ToNanoseconds()):
        return ""
    seconds = (end.ToNanoseconds() - start.ToNanoseconds()) / 1e9
    if abs(seconds) < 10:
        return f"{seconds:.1f}s" if abs(seconds) >= 1 else f"{seconds * 1000:.0f}ms"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{value}{unit}" for value, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")) if value]
    return " ".join(parts[:2])
