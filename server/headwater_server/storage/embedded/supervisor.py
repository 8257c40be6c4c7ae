"""Keeps a PostgreSQL of the server's own running, one owner to a data directory."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

import asyncpg

from .cluster import SUPERUSER, create_cluster, existing_major
from .errors import EmbeddedPostgresError
from .identity import choose_identity, hand_over
from .leftovers import end_leftovers
from .network_door import NetworkDoor, give_database
from .postmaster import Postmaster
from .programs import choose_programs
from .tuning import server_settings, usable_memory_bytes

DATABASE = "headwater"
LONGEST_PAUSE_SECONDS = 30.0
"""How long to wait at most before PostgreSQL is started again after it has died."""

logger = logging.getLogger(__name__)


class EmbeddedPostgres:
    """A PostgreSQL that lives in a folder and ends with the process that started it.

    It listens on a unix socket in a folder that only its user can enter, and on no port but that of a `door`. When it
    dies it is started again. Start it from a thread that lives as long as the process: on Linux PostgreSQL ends when
    that thread does.

        async with EmbeddedPostgres(Path("/var/lib/headwater")) as dsn:
            connection = await asyncpg.connect(dsn)

    `pg_bin` names a folder of programs, else one is found. `connections` is how many its servers open at most. Without
    `durable` it is faster, and a crash of the machine loses the data: for tests.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        pg_bin: Path | None = None,
        durable: bool = True,
        door: NetworkDoor | None = None,
        connections: int = 0,
    ) -> None:
        self._home = data_dir.absolute()
        self._pg_bin = pg_bin
        self._durable = durable
        self._door = door
        self._connections = connections
        self._lock: IO[str] | None = None
        self._postmaster: Postmaster | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> str:
        """The DSN of its database, once that takes connections; raises EmbeddedPostgresError."""
        if self._lock:
            raise EmbeddedPostgresError(f"the PostgreSQL in {self._home} has been started already")
        try:
            self._lock = _take_lock(self._home)
            self._postmaster = await self._prepare()
            await self._postmaster.start()
            dsn = self._dsn(self._postmaster.socket_folder, DATABASE)
            await _create_database(self._dsn(self._postmaster.socket_folder, "postgres"))
            if self._door:
                await give_database(dsn, DATABASE, self._door.password)
        except BaseException:
            await self.stop()
            raise
        self._keeper = asyncio.create_task(_keep_running(self._postmaster))
        return dsn

    async def stop(self) -> None:
        """Returns when PostgreSQL has ended; what was committed is kept."""
        if self._keeper:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None
        if self._postmaster:
            await self._postmaster.stop()
            self._postmaster = None
        if self._lock:
            self._lock.close()
            self._lock = None

    def _dsn(self, socket_folder: Path, database: str) -> str:
        port = f"&port={self._door.port}" if self._door else ""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(socket_folder))}{port}"

    async def _prepare(self) -> Postmaster:
        """Makes the data directory, or takes over the one that is there."""
        data = self._home / "postgres"
        major = existing_major(data)
        programs = choose_programs(self._pg_bin, major)
        identity = await choose_identity(programs.postgres)
        await end_leftovers(data)
        if major is None:
            logger.info("making a PostgreSQL %d in %s", programs.major, data)
            await create_cluster(data, programs, identity, durable=self._durable)
        hand_over(data, identity)
        if stat.S_IMODE(data.stat().st_mode) & 0o077:
            data.chmod(0o700)  # a volume was opened to a group, with which PostgreSQL does not start
        settings = server_settings(usable_memory_bytes(), durable=self._durable, connections=self._connections)
        if self._door:
            rules = self._home / "pg_hba.conf"
            self._door.write_rules(rules)
            hand_over(rules, identity)
            settings |= self._door.settings(rules)
        return Postmaster(data, programs, identity, settings)


async def _keep_running(postmaster: Postmaster) -> None:
    """Starts PostgreSQL again whenever it has died, until cancelled."""
    pause = 0.0
    while True:
        code = await postmaster.wait()
        logger.error("PostgreSQL ended with %d and is started again in %g s", code, pause)
        await asyncio.sleep(pause)
        try:
            await postmaster.start()
        except (EmbeddedPostgresError, OSError):
            logger.exception("PostgreSQL could not be started again")
            pause = min(max(1.0, pause * 2), LONGEST_PAUSE_SECONDS)
        else:
            pause = 0.0


def _take_lock(home: Path) -> IO[str]:
    """The lock of a data directory, which is made if need be; raises EmbeddedPostgresError where another holds it.

    The kernel takes it back from a process that was killed.
    """
    # Root lets others pass, no more, for PostgreSQL may have to run as another user.
    home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    lock = open(home / "lock", "a+", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise EmbeddedPostgresError(
            f"process {owner} already runs a PostgreSQL in {home}; end it, choose another folder with --data-dir, or "
            "let both servers use one running PostgreSQL with --dsn"
        ) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


async def _create_database(dsn: str) -> None:
    """Creates the server's database where it is missing."""
    connection = await asyncpg.connect(dsn, timeout=60)
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
