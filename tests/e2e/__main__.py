"""What `make e2e` runs: finds or makes a Kubernetes, runs the end-to-end tests against it, and takes it down again.

Arguments go to pytest: `python -m tests.e2e -k crds`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from .cluster.command import ClusterError, say
from .crds import fetch_crds
from .target import choose_target, find_engine
from .training.image import fetch_wheels

HERE = Path(__file__).parent
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REFUSED = 2


class Interrupted(Exception):
    """Somebody wants this to end; what was started is ended first."""


def main(arguments: Sequence[str]) -> int:
    """Runs the tests; gives pytest's exit status, or 2 when no cluster could be had."""
    for number in ENDING:
        signal.signal(number, interrupt)
    try:
        target = choose_target(os.environ, find_engine)
        try:
            target.start()
            fetch_crds()
            fetch_wheels()
            pytest = [sys.executable, "-m", "pytest", str(HERE), *arguments]
            return run_tests(target.command(pytest), target.environment())
        finally:
            for number in ENDING:
                signal.signal(number, signal.SIG_IGN)
            target.stop()
    except ClusterError as error:
        say(f"e2e: {error}")
        return REFUSED
    except Interrupted as why:
        say(f"e2e: ended by {why}")
        return 128 + signal.Signals[str(why)]


def interrupt(number: int, _: FrameType | None) -> None:
    """Turns a signal into an exception, so that whatever is under way is left in order."""
    raise Interrupted(signal.Signals(number).name)


def run_tests(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs pytest in a process group of its own, where a signal from the terminal comes once: from here."""
    process = subprocess.Popen(command, env=environment, process_group=0)
    try:
        return process.wait()
    except Interrupted:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        process.send_signal(signal.SIGINT)  # pytest's own way to stop: its fixtures are torn down
        process.wait()
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
