"""The past of a large store: the events of twelve weeks, up to 50 million, as a list of chunks.

Each chunk is made alone, so that a load goes on where it stopped. A chunk has runs of new domains, which nobody has
heard of before, and of some older ones. At the end there are a million datasets and two thirds of a million jobs.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

from bench.estate import make_domains
from bench.traces import iterate_events

CHUNK_EVENTS = 100_000
NEW_DOMAINS = 28
OLD_DOMAINS = 12
"""How many domains that are not new a chunk has runs of."""
WEEKS = 12
FULL_EVENTS = 50_000_000
"""How many events the twelve weeks have: 4.2 million a week."""
SPACING = dt.timedelta(weeks=WEEKS) / FULL_EVENTS


def find_start(now: dt.datetime) -> dt.datetime:
    """When a history begins that ends with last week: on a Monday, as the server's partitions do."""
    monday = now.replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=now.weekday())
    return monday - dt.timedelta(weeks=WEEKS)


def count_domains(events: int) -> int:
    """How many domains so many events are about, from the first on."""
    return events // CHUNK_EVENTS * NEW_DOMAINS


def iterate_chunk(number: int, start: dt.datetime) -> Iterator[bytes]:
    """The JSON texts of the events of one chunk of the history that begins at that time."""
    first_new = number * NEW_DOMAINS
    rng = random.Random(f"history/{number}")
    old = rng.sample(range(first_new), k=min(first_new, OLD_DOMAINS))
    return iterate_events(
        make_domains([*range(first_new, first_new + NEW_DOMAINS), *old]),
        CHUNK_EVENTS,
        name=f"history/{number}",
        start=start + SPACING * CHUNK_EVENTS * number,
        spacing=SPACING,
    )
