"""How long a call waits before it is tried again, and when it is not. Pure, save for the clock and the dice."""

import random
import time

from .errors import DeadlineExceeded, HeadwaterError
from .settings import Settings

FIRST_BACKOFF_SECONDS = 0.1
LAST_BACKOFF_SECONDS = 5.0


class Attempts:
    """Counts the attempts of one call and watches its deadline."""

    def __init__(self, settings: Settings, timeout: float | None = None) -> None:
        self._deadline = time.monotonic() + (settings.timeout_seconds if timeout is None else timeout)
        self._most = settings.max_attempts
        self._made = 1
        self._cause: HeadwaterError | None = None

    @property
    def seconds_left(self) -> float:
        """The time to the deadline, 0 after it."""
        return max(0.0, self._deadline - time.monotonic())

    def delay_after(self, error: HeadwaterError) -> float | None:
        """Counts a failed attempt. Gives the seconds to wait before the next one; None where there is none.

        The wait is random between 0 and a bound that doubles each time, on top of what the server asked for.
        """
        backoff = min(LAST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (self._made - 1))
        delay = (error.retry_after or 0.0) + random.uniform(0, backoff)  # noqa: S311 (nothing secret)
        if not error.is_retryable or self._made >= self._most or delay >= self.seconds_left:
            return None
        self._made += 1
        self._cause = error
        return delay

    def cause(self, last: HeadwaterError) -> HeadwaterError:
        """What to tell of a call that failed: its last error; where its time ran out, why it was tried again."""
        ran_out = isinstance(last, DeadlineExceeded) and not last.reason
        return self._cause if self._cause is not None and ran_out else last
