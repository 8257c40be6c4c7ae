"""The operator itself in this process, between a cluster of kmock's and a real server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio

from headwater import Client
from headwater.errors import NotFound
from headwater.v1 import catalog_pb2 as pb
from headwater_operator.app import Operator, running
from headwater_operator.settings import parse_settings

from ...server_process import RunningServer
from .cluster import Cluster, running_cluster, until


@pytest_asyncio.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """A cluster with nothing in it."""
    async with running_cluster() as found:
        yield found


@pytest_asyncio.fixture
async def client(server: RunningServer) -> AsyncIterator[Client]:
    """A client of the server."""
    async with Client(server.grpc_address) as found:
        yield found


Start = Callable[..., AbstractAsyncContextManager[Operator]]


@pytest.fixture
def start(cluster: Cluster, server: RunningServer, tmp_path: Path) -> Start:
    """Starts an operator with further settings, such as `artifact_wait_seconds="0"`."""

    @contextlib.asynccontextmanager
    async def begin(**given: str) -> AsyncIterator[Operator]:
        values = {"cluster": "c1", "address": server.grpc_address, "spool_dir": str(tmp_path / "spool")}
        values |= {"http_address": "127.0.0.1:0", **given}
        arguments = [each for name, value in values.items() for each in (f"--{name.replace('_', '-')}", value)]
        async with running(parse_settings(arguments, {}), cluster.connect) as operator:
            yield operator

    return begin


@pytest_asyncio.fixture
async def operator(start: Start) -> AsyncIterator[Operator]:
    """An operator with the usual settings."""
    async with start() as found:
        yield found


class Told:
    """What the server knows."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def runs(self, job: str, namespace: str = "k8s://c1/team-a") -> list[pb.Run]:
        """The runs of a job; none where it is not known."""
        try:
            return [
                await self._client.get_run(each.name, view="FULL")
                async for each in self._client.runs(f"{namespace}/{job}")
            ]
        except NotFound:
            return []

    async def run(self, job: str, state: str, namespace: str = "k8s://c1/team-a") -> pb.Run:
        """The one run of a job, once it is in a state."""
        wanted = pb.RunState.Value(f"RUN_STATE_{state}")

        async def found() -> list[pb.Run]:
            return [each for each in await self.runs(job, namespace) if each.state == wanted]

        (run,) = await until(found)
        return run

    async def jobs(self) -> set[str]:
        """The names of all jobs."""
        return {each.display_name async for each in self._client.jobs()}


@pytest.fixture
def told(client: Client) -> Told:
    """What the server knows."""
    return Told(client)
