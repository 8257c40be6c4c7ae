"""Ends what an owner that was killed left running on a data directory.

Nothing is left on Linux, where PostgreSQL ends with its owner, unless only the postmaster was killed, or it is still
shutting down. Elsewhere the postmaster lives on until the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from .errors import EmbeddedPostgresError

PATIENCE_SECONDS = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))
"""How long each way to end a postmaster is given: fast, then with recovery at the next start, then by force."""


async def end_leftovers(data: Path) -> None:
    """Returns when nothing of PostgreSQL runs on the data directory any more; raises EmbeddedPostgresError."""
    for sign, seconds in PATIENCE_SECONDS:
        if not (running := processes_on(data)):
            break
        postmaster = _recorded_postmaster(data)
        if sign is signal.SIGINT and postmaster not in running:
            sign = signal.SIGTERM  # noqa: PLW2901  an interrupt would end a lone backend's query, not the backend
        for process in [postmaster] if sign is signal.SIGINT and postmaster else running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, sign)
        deadline = time.monotonic() + seconds
        while processes_on(data) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
    if running := processes_on(data):
        raise EmbeddedPostgresError(f"processes {running} of PostgreSQL still use {data} and cannot be ended; end them")
    # A number in there may be another process's by now, which PostgreSQL would take for itself.
    (data / "postmaster.pid").unlink(missing_ok=True)


def processes_on(data: Path) -> list[int]:
    """The processes of PostgreSQL that work in the data directory."""
    if not Path("/proc/self/cwd").is_symlink():
        postmaster = _recorded_postmaster(data)
        return [postmaster] if postmaster and _is_postgres(postmaster) else []
    place = os.path.realpath(data)
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _works_in(entry, place)]


def _works_in(entry: Path, place: str) -> bool:
    """Whether a process of /proc is PostgreSQL's and works in a folder."""
    try:
        return (entry / "comm").read_text().startswith("postgres") and str((entry / "cwd").readlink()) == place
    except PermissionError:
        return f"-D\0{place}\0" in (entry / "cmdline").read_text()
    except OSError:
        return False


def _is_postgres(process: int) -> bool:
    """Whether a process is PostgreSQL's, by the word of `ps`."""
    ps = shutil.which("ps") or "/bin/ps"
    answer = subprocess.run([ps, "-o", "comm=", "-p", str(process)], capture_output=True, text=True, check=False)  # noqa: S603
    return Path(answer.stdout.strip()).name == "postgres"


def _recorded_postmaster(data: Path) -> int | None:
    """The process in `postmaster.pid`, which may have ended long ago."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
