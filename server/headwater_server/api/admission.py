"""How many questions are answered at a time, so that they can starve neither each other nor ingestion."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..domain.errors import Overloaded

RETRY_SECONDS = 0.5


class Admission:
    """Lets in so many questions at a time, whichever door they come through; ingestion has bounds of its own."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._asked = 0

    @property
    def asked(self) -> int:
        """How many are being answered."""
        return self._asked

    @contextlib.contextmanager
    def question(self) -> Iterator[None]:
        """The time in which a question is answered; raises Overloaded."""
        if self._asked >= self._most:
            raise Overloaded("questions", self._asked, self._most, RETRY_SECONDS)
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1
