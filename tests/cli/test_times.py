"""Times as people write and read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from headwater_cli.times import read_time, show_duration, show_time

ZONE = timezone(timedelta(hours=1))
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("now", NOW),
        ("today", datetime(2026, 11, 22, tzinfo=ZONE)),
        ("Yesterday", datetime(2026, 11, 21, tzinfo=ZONE)),
        ("2 days ago", NOW - timedelta(days=2)),
        ("1h ago", NOW - timedelta(hours=1)),
        ("90m", NOW - timedelta(minutes=90)),
        ("1.5 hours ago", NOW - timedelta(minutes=90)),
        ("3 weeks ago", NOW - timedelta(weeks=3)),
        ("10s", NOW - timedelta(seconds=10)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=ZONE)),
        ("2026-11-20 08:15", datetime(2026, 11, 20, 8, 15, tzinfo=ZONE)),
        ("2026-11-20T08:15:00Z", datetime(2026, 11, 20, 8, 15, tzinfo=UTC)),
        (" 2026-11-20T08:15:00.5+02:00 ", datetime(2026, 11, 20, 6, 15, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_read(text: str, time: datetime) -> None:
    assert read_time(text, NOW) == time


@pytest.mark.parametrize("text", ["", "soon", "2 moons ago", "ago", "-1h", "2026-13-01", "9" * 400 + "d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        read_time(text, NOW)


def test_a_time_is_written_as_it_is_read_again() -> None:
    assert read_time(show_time(NOW), NOW) == NOW


def test_a_time_that_is_not_set_is_written_as_nothing() -> None:
    assert show_time(Timestamp()) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "250ms"), (1.25, "1.2s"), (59, "59s"), (60, "1m"), (3725, "1h 2m"), (90_000, "1d 1h"), (86_405, "1d 5s")],
)
def test_a_duration_is_written_in_two_units_at_most(seconds: float, words: str) -> None:
    end = Timestamp()
    end.FromNanoseconds(int((1000 + seconds) * 1e9))
    assert show_duration(Timestamp(seconds=1000), end) == words


def test_what_has_not_ended_took_no_time_yet() -> None:
    assert show_duration(Timestamp(seconds=1), Timestamp()) == ""
