"""What the client's tests share: a fake server, and a client of each face."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.client.fakes import FakeServer

from headwater import Client, Settings, SyncClient


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ADDRESS", "TOKEN_FILE", "CA_FILE", "CA"):
        monkeypatch.delenv(f"HEADWATER_{variable}", raising=False)
    for variable in ("CONTEXT", "PARENT_ID", "ROOT_PARENT_ID", "NAMESPACE", "URL", "CONFIG", "DISABLED"):
        monkeypatch.delenv(f"OPENLINEAGE_{variable}", raising=False)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
async def client(server: FakeServer) -> AsyncIterator[Client]:
    async with Client(settings=Settings(address=server.address, timeout_seconds=10)) as running:
        yield running


@pytest.fixture
def sync_client(server: FakeServer) -> Iterator[SyncClient]:
    with SyncClient(settings=Settings(address=server.address, timeout_seconds=10)) as running:
        yield running
