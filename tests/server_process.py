"""A Headwater server as a process of its own, for clients that are processes, too."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

READY = re.compile(r"headwater-server ready grpc=(\S+) http=(\S+)")
"""What a server prints when it answers, and where it does."""


@dataclass(frozen=True)
class RunningServer:
    """Where the server answers."""

    grpc_address: str
    http_url: str


def serve(*options: object) -> list[str]:
    """The command line of a server."""
    return [sys.executable, "-m", "headwater_server.cli", "serve", *map(str, options)]


@contextmanager
def server_process(*options: object) -> Iterator[RunningServer]:
    """Runs a server with these options, and ends it in order.

    Raises:
        AssertionError: it ended before it answered; with its exit status.
    """
    process = subprocess.Popen(serve(*options), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        try:
            found = next((ready for line in process.stdout if (ready := READY.search(line))), None)
            assert found is not None, f"the server did not start: exit status {process.wait()}"
            yield RunningServer(found[1], f"http://{found[2]}")
        finally:
            process.terminate()
            process.wait()


def processes_of(parent: int) -> list[int]:
    """The processes that serve for a server with `--processes`, by their numbers for the system, oldest first."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            is_below = int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent
            if is_below and b"headwater_server.cli\0process" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return sorted(found)


def kill_postgres(data: Path) -> None:
    """Ends the PostgreSQL of a server with this data folder as `kill -9` does."""
    os.kill(_postmaster(data), signal.SIGKILL)


def postgres_lives(data: Path) -> bool:
    """Whether a server with this data folder has a PostgreSQL now; for a moment after it died, it has none."""
    try:
        os.kill(_postmaster(data), 0)
    except (FileNotFoundError, IndexError, ProcessLookupError):
        return False
    return True


def _postmaster(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0])
