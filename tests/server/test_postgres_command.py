"""`headwater-server postgres`: a PostgreSQL for servers on other machines, which lets in who has the password."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from headwater_server.cli import main

PASSWORD = 'it\'s \\ "secret"'


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder on a path that everybody may walk, for root runs PostgreSQL as somebody else."""
    made = Path(tempfile.mkdtemp(prefix="headwater-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def database(folder: Path, password: str = PASSWORD) -> Iterator[str]:
    """Runs the command until it is ready, and ends it as Kubernetes does; gives its address."""
    (folder / "password").write_text(f"{password}\n")
    address = f"127.0.0.1:{free_port()}"
    options = ("--data-dir", folder / "data", "--postgres-password-file", folder / "password")
    command = [sys.executable, "-m", "headwater_server.cli", "postgres", *options, "--postgres-address", address]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        try:
            assert process.stdout.readline() == f"headwater-server postgres ready address={address}\n"
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0


def dsn(address: str, role: str = "headwater_service", password: str = PASSWORD) -> str:
    return f"postgresql://{role}:{quote(password)}@{address}/headwater"


async def run(where: str, sql: str) -> object:
    connection = await asyncpg.connect(where)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_server_elsewhere_keeps_its_store_there_over_restarts_and_another_password(folder: Path) -> None:
    with database(folder) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADWATER_DSN", dsn(address))
        migrate = [sys.executable, "-m", "headwater_server.cli", "migrate"]
        subprocess.run(migrate, check=True, capture_output=True)
        schema = await run(dsn(address), "SELECT version_num FROM alembic_version")
        for durable in ("fsync", "synchronous_commit", "data_checksums"):
            assert await run(dsn(address), f"SHOW {durable}") == "on"
    with database(folder, "another") as address:
        assert await run(dsn(address, password="another"), "SELECT version_num FROM alembic_version") == schema
        with pytest.raises(asyncpg.InvalidPasswordError):
            await run(dsn(address), "SELECT 1")


async def test_nobody_else_comes_in_and_who_does_is_no_superuser(folder: Path) -> None:
    with database(folder) as address:
        assert await run(dsn(address), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert str(await run(dsn(address), "SELECT setting FROM pg_settings WHERE name = 'hba_file'") or "") == ""
        with pytest.raises(asyncpg.InvalidPasswordError):
            await run(dsn(address, password=""), "SELECT 1")
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await run(dsn(address, role="headwater"), "SELECT 1")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "--postgres-password-file: is not set; name a file"), ("\n", "is empty; write a password into it")],
    ids=["without a password", "with an empty one"],
)
def test_it_does_not_start(
    content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "password").write_text(content)
        monkeypatch.setenv("HEADWATER_POSTGRES_PASSWORD_FILE", str(tmp_path / "password"))
    assert main(["postgres", "--data-dir", str(tmp_path / "data")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
