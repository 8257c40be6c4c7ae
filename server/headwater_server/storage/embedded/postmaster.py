"""The process of PostgreSQL on one data directory: started, waited for until it answers, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from .cluster import prepare_socket_folder, socket_folder
from .errors import EmbeddedPostgresError
from .identity import Identity, spawn
from .leftovers import end_leftovers
from .programs import Programs

START_SECONDS = 600
"""How long a start may take; the recovery after a crash replays up to `max_wal_size` of log."""
STOP_SECONDS = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))
"""How long each way to end it is given: fast, then at once and with recovery at the next start, then by force."""
LOG_BYTES = 10 << 20
"""From which size on the log is set aside at a start."""


class Postmaster:
    """PostgreSQL on one data directory, which its user holds the lock of."""

    def __init__(self, data: Path, programs: Programs, identity: Identity, settings: Mapping[str, str]) -> None:
        self._data = data
        self._programs = programs
        self._identity = identity
        self._settings = settings
        self._place = os.path.realpath(data)
        self._log = data.with_name("postgres.log")
        self._process: asyncio.subprocess.Process | None = None
        self.socket_folder = socket_folder(data)

    async def start(self) -> None:
        """Returns once it takes connections; raises EmbeddedPostgresError."""
        await end_leftovers(self._data)
        prepare_socket_folder(self.socket_folder, self._identity)
        settings = {
            "listen_addresses": "",
            "port": "5432",
            **self._settings,
            "unix_socket_directories": f'"{self.socket_folder}"',
            "unix_socket_permissions": "0700",
        }
        arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        with _open_log(self._log) as log:
            self._process = await spawn(
                self._identity, self._programs.postgres, "-D", self._place, *arguments, output=log
            )
        await self._wait_until_ready(self._process)

    async def wait(self) -> int:
        """The exit code of the process, once it has ended."""
        assert self._process
        return await self._process.wait()

    async def stop(self) -> None:
        """Returns when the process has ended, by force if need be."""
        if self._process is None:
            return
        for sign, seconds in STOP_SECONDS:
            if self._process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(sign)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._process.wait()

    async def _wait_until_ready(self, process: asyncio.subprocess.Process) -> None:
        """Returns once the process has written that it is ready; raises EmbeddedPostgresError."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready(process.pid):
            if process.returncode is not None:
                raise EmbeddedPostgresError(
                    f"PostgreSQL ended with {process.returncode} when it was started on {self._data} as "
                    f"{self._identity.value}; the end of {self._log} says why:\n{_tail(self._log)}"
                )
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL was not ready in {START_SECONDS} s; see {self._log}")
            await asyncio.sleep(0.01)

    def _is_ready(self, process: int) -> bool:
        """Whether `postmaster.pid` says that this process takes connections."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(process) and lines[7].strip() == "ready"


def _open_log(path: Path) -> IO[bytes]:
    """The log, to be written at its end; a large one is set aside first."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES:
            path.replace(path.with_name(path.name + ".1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def _tail(path: Path) -> str:
    """The last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-10:])
