"""A command run as if nobody stood between it and its caller: the same signals, the same end. Needs POSIX.

The command stays in the caller's process group, so that the terminal and whoever kills the group reach it as before.
Signals to this process alone are passed on. What the kernel sends, as for the terminal's Ctrl-C, goes to the group, so
the command has it already. What another program sends to the whole group reaches the command twice.
"""

import errno
import os
import resource
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

PASSED_ON = frozenset(
    {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2},
)
STOPS = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})
NOT_EXECUTABLE, NOT_FOUND = 126, 127


@dataclass(frozen=True)
class End:
    """Says how a command ended: by its exit code, or negative, by a signal."""

    code: int
    was_stopped: bool = False
    """Whether somebody asked it to stop before."""

    problem: str = ""
    """Why it could not be started."""

    @property
    def signal_name(self) -> str:
        """The name of the signal that killed it; empty where none did."""
        return signal.Signals(-self.code).name if self.code < 0 else ""

    @property
    def words(self) -> str:
        """Says it to a person."""
        return self.problem or (f"killed by {self.signal_name}" if self.code < 0 else f"exit code {self.code}")


class SignalDesk:
    """Holds signals back from the time it is made, so that none is lost before the command can have it."""

    def __init__(self) -> None:
        # Where the caller ignores SIGCHLD, or the system drops signals without a handler, no end would be heard.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.before = signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON | {signal.SIGCHLD})

    def let_through(self) -> None:
        """Lets the signals that came until now have their usual effect on this process."""
        blocked = signal.pthread_sigmask(signal.SIG_SETMASK, self.before)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    @property
    def has_news(self) -> bool:
        """Whether a signal waits."""
        return bool(signal.sigpending() & PASSED_ON)

    def wait(self) -> tuple[int, bool]:
        """Waits for a signal; gives it, and whether the whole process group has it."""
        awaited = PASSED_ON | {signal.SIGCHLD}
        if sys.platform == "darwin":
            return signal.sigwait(awaited), sys.stdin.isatty()
        info = signal.sigwaitinfo(awaited)
        return info.si_signo, info.si_code > 0


def run(command: Sequence[str], environment: Mapping[str, str], desk: SignalDesk) -> End:
    """Runs a command to its end."""
    desk.let_through()
    try:
        pid = _start(command, environment, desk.before)
    except OSError as error:
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        return End(code, problem=f"{command[0]}: {error.strerror}")
    was_stopped = False
    while True:
        number, is_for_all = desk.wait()
        if number == signal.SIGCHLD:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return End(os.waitstatus_to_exitcode(status), was_stopped)
            continue
        was_stopped |= number in STOPS
        if not is_for_all:
            os.kill(pid, number)


def end_like(end: End) -> NoReturn:
    """Ends this process as the command ended: with its code, or by its signal."""
    sys.stdout.flush()
    sys.stderr.flush()
    if end.code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the command's own core dump is the one that matters
        if -end.code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-end.code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [-end.code])
        os.kill(os.getpid(), -end.code)
    # The first process of a container survives its own signals.
    os._exit(128 - end.code if end.code < 0 else end.code)


def _start(command: Sequence[str], environment: Mapping[str, str], mask: Iterable[int]) -> int:
    # Python ignores these two for itself; a command expects them as the system has them.
    defaults = [signal.SIGPIPE, signal.SIGXFSZ]
    try:
        return os.posix_spawnp(command[0], [*command], environment, setsigmask=mask, setsigdef=defaults)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    # A script that does not say what reads it is read by the shell, as every shell does.
    shell = ["/bin/sh", *command]
    return os.posix_spawnp(shell[0], shell, environment, setsigmask=mask, setsigdef=defaults)
