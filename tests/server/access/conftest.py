"""Servers that ask who calls: in this process, with what a test sets up for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import grpc
import httpx
import pytest
import pytest_asyncio

from .authority import Tls
from .doors import Doors
from .issuer import PASSWORD, Issuer, serving_issuer

Serving = Callable[..., AbstractAsyncContextManager[Doors]]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer with its keys."""
    with serving_issuer() as made:
        yield made


@pytest.fixture
def access_file(issuer: Issuer, tmp_path: Path) -> Path:
    """A file that believes the issuer as `prod`, and gives a few of its subjects roles."""
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    file = tmp_path / "access.toml"
    file.write_text(f"""
[[issuers]]
name = "prod"
url = "{issuer.url}"
token_file = "{password}"

[[roles]]
role = "operator"
subjects = ["prod:system:serviceaccount:headwater:*"]

[[roles]]
role = "reader"
subjects = ["prod:ann@example.com", "token:read-too"]
""")
    return file


@pytest.fixture
def serving(database: str, tmp_path: Path) -> Serving:
    """Makes a server, with settings of its own, on the test's database."""

    @asynccontextmanager
    async def serve(*settings: str, tls: Tls | None = None) -> AsyncIterator[Doors]:
        from headwater_server.app import running
        from headwater_server.config import parse_settings

        arguments = ["--dsn", database, "--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0"]
        parsed = parse_settings([*arguments, "--drain-timeout-seconds=5", *settings], {"XDG_DATA_HOME": str(tmp_path)})
        async with (
            running(parsed) as found,
            tls.channel(str(found.grpc)) if tls else grpc.aio.insecure_channel(str(found.grpc)) as channel,
            httpx.AsyncClient(
                base_url=f"http{'s' if tls else ''}://{found.http}", timeout=30, verify=tls.context() if tls else False
            ) as http,
        ):
            yield Doors(channel, http, str(found.grpc), str(found.grpc_mtls or ""))

    return serve


@pytest_asyncio.fixture
async def doors(serving: Serving, access_file: Path) -> AsyncIterator[Doors]:
    """A server that believes the issuer."""
    async with serving("--access-file", str(access_file)) as opened:
        yield opened
