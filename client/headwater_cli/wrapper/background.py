"""Reports a command beside it: gRPC is loaded, the server asked and waited for while the command runs.

Needs the standard library only; whatever goes wrong is kept and never raised.
"""

from collections.abc import Callable
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

from .child import End, SignalDesk

if TYPE_CHECKING:
    from .report import Report

LOOK_SECONDS = 0.05


class Background:
    """Is the report of one command, opened when it is first needed."""

    def __init__(self, open_report: "Callable[[], Report]") -> None:
        self._open_report = open_report
        self._opening = Lock()
        self._opened: Report | None = None

    @property
    def report(self) -> "Report":
        """The report. Raises what keeps it from being opened."""
        with self._opening:
            if self._opened is None:
                self._opened = self._open_report()
            return self._opened

    def begin(self) -> None:
        """Starts to tell that the command begins. Should that fail, `finish` tells it."""
        _Task(self._begin).start()

    def finish(self, end: End, patience: float, desk: SignalDesk) -> str:
        """Tells how the command ended; gives what went wrong. A signal, or the time, ends the wait for an answer."""
        task = _Task(lambda: self.report.finish(end, patience))
        task.start()
        deadline = monotonic() + patience
        while task.is_alive() and monotonic() < deadline and not desk.has_news:
            task.join(LOOK_SECONDS)
        return "there is no answer yet" if task.is_alive() else task.problem

    def _begin(self) -> None:
        self.report.begin()


class _Task(Thread):
    """Does work in a thread that does not keep the program from ending."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.problem = ""

    def run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 (whatever it is, the command must not feel it)
            self.problem = str(error) or repr(error)
