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
        self._first: _Task | None = None
        self.complaints: list[str] = []
        """What there is to say of events that waited since the server was away."""

    @property
    def report(self) -> "Report":
        """The report. Raises what keeps it from being opened."""
        with self._opening:
            if self._opened is None:
                self._opened = self._open_report()
            return self._opened

    def begin(self) -> None:
        """Starts to tell that the command begins, and what waits. Should the former fail, `finish` tells it."""
        self._first = _started(self._begin)

    def begin_strictly(self, patience: float) -> None:
        """Tells that the command begins, or raises why it cannot; then starts to tell what waits."""
        self.report.begin(patience)
        self._first = _started(self._send_waiting)

    def finish(self, end: End, patience: float, desk: SignalDesk) -> tuple[str, str]:
        """Tells how the command ended; gives what went wrong, and where it waits to be told later, if it does.

        A signal, or the time, ends the wait for an answer.
        """
        deadline = monotonic() + patience

        def wait_for(task: _Task) -> None:
            while task.is_alive() and monotonic() < deadline and not desk.has_news:
                task.join(LOOK_SECONDS)

        task = _started(lambda: self.report.finish(end, patience))
        wait_for(task)
        problem = "there is no answer yet" if task.is_alive() else task.problem
        if problem:
            return self._keep(end, problem)
        if self._first is not None:
            wait_for(self._first)
        return "", ""

    def _begin(self) -> None:
        self.report.begin()
        self._send_waiting()

    def _send_waiting(self) -> None:
        self.complaints = self.report.send_waiting()

    def _keep(self, end: End, problem: str) -> tuple[str, str]:
        try:
            return problem, self.report.keep(end)
        except Exception as error:  # noqa: BLE001 (whatever it is, the command must not feel it)
            also = str(error)
            return (problem if also == problem else f"{problem}; nor can it be kept: {also}"), ""


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


def _started(work: Callable[[], None]) -> _Task:
    task = _Task(work)
    task.start()
    return task
