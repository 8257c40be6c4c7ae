"""A PostgreSQL for the whole session, and a database of its own for each test that asks for one."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from .open_lineage_schemas import Schemas, load_schemas
from .server_process import RunningServer

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Lets the tests run on another PostgreSQL than the one that is found."""
    parser.addoption("--pg-bin", type=Path, default=None, help="folder of the PostgreSQL programs to test with")


@pytest.fixture(scope="session")
def postgres_home() -> Iterator[Path]:
    """A folder for the session's PostgreSQL, with a path that is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-"))
    yield folder
    shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(postgres_home: Path, pytestconfig: pytest.Config) -> AsyncIterator[str]:
    """The DSN of a database with the schema and nothing in it. Tests clone it and never connect to it."""
    from headwater_server.storage.embedded import EmbeddedPostgres
    from headwater_server.storage.migrate import upgrade

    async with EmbeddedPostgres(postgres_home, pg_bin=pytestconfig.getoption("--pg-bin"), durable=False) as dsn:
        await upgrade(dsn)
        yield dsn


@pytest_asyncio.fixture
async def database(template: str) -> AsyncIterator[str]:
    """The DSN of a database of the test's own, with the schema and nothing in it."""
    name = f"test_{next(_numbers)}"
    administrator = await asyncpg.connect(template.replace("/headwater?", "/postgres?"))
    try:
        await administrator.execute(f"CREATE DATABASE {name} TEMPLATE headwater STRATEGY file_copy")
        yield template.replace("/headwater?", f"/{name}?")
        await administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await administrator.close()


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """OpenLineage's schemas and ours, by `$id`."""
    return load_schemas()


@pytest_asyncio.fixture
async def server(database: str, tmp_path: Path) -> AsyncIterator[RunningServer]:
    """The whole server in this process, on the test's own database and on ports of its own."""
    from headwater_server.app import running
    from headwater_server.config import parse_settings

    arguments = ["--dsn", database, "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"]
    async with running(parse_settings([*arguments, "--drain-timeout-seconds", "5"], {"HOME": str(tmp_path)})) as found:
        yield RunningServer(str(found.grpc), f"http://{found.http}")
