"""A server as a process of its own: the producers are processes that wait for their answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..server_process import RunningServer, server_process


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on an empty PostgreSQL of its own, for the tests of one producer."""
    addresses = ("--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
    with server_process("--data-dir", tmp_path_factory.mktemp("server"), *addresses) as found:
        yield found
