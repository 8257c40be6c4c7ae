"""Somebody who asks the service all the while, each time over a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from headwater import HeadwaterError, Settings, SyncClient

PAUSE_SECONDS = 0.3


@dataclass
class Asked:
    """How it went so far."""

    answers: int = 0
    failures: list[HeadwaterError] = field(default_factory=list)


@contextmanager
def asking(settings: Settings) -> Iterator[Asked]:
    """Asks until it is left. A connection that is made anew is believed anew: the files of `settings` are read then."""
    asked, is_enough = Asked(), threading.Event()

    def ask() -> None:
        while not is_enough.wait(PAUSE_SECONDS):
            try:
                with SyncClient(settings=settings) as client:
                    list(client.pipelines())
                asked.answers += 1
            except HeadwaterError as failure:
                asked.failures.append(failure)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield asked
    finally:
        is_enough.set()
        thread.join()
