"""What the emitter's tests share: an emitter that is a process, and the real server that it delivers to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.conftest import RunningServer

from .emitters import EmitterProcess, running

MakeEmitter: TypeAlias = Callable[..., EmitterProcess]


@pytest.fixture
def make_emitter(tmp_path: Path) -> MakeEmitter:
    """Makes emitters, not started yet: `make_emitter(address, pod_uid="…")`."""

    def make(server: str, **settings: object) -> EmitterProcess:
        environment = {f"HEADWATER_{name.upper()}": str(value) for name, value in settings.items()}
        return EmitterProcess(tmp_path, server, environment)

    return make


@pytest.fixture
async def emitter(server: RunningServer, make_emitter: MakeEmitter) -> AsyncIterator[EmitterProcess]:
    """An emitter with no pod, which delivers to the real server."""
    async with running(make_emitter(server.grpc_address)) as found:
        yield found


@pytest.fixture
async def lonely(make_emitter: MakeEmitter) -> AsyncIterator[EmitterProcess]:
    """An emitter whose server is away."""
    async with running(make_emitter("127.0.0.1:1")) as found:
        yield found
