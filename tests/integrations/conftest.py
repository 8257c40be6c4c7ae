"""A server as a process of its own: the producers are processes that wait for their answers."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

READY = re.compile(r"headwater-server ready grpc=(\S+) http=(\S+)")


@dataclass(frozen=True)
class RunningServer:
    """Where the server answers."""

    grpc_address: str
    http_url: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on an empty PostgreSQL of its own, for the tests of one producer."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "headwater_server.cli", "serve"),
            *("--data-dir", str(tmp_path_factory.mktemp("server"))),
            *("--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = next((ready for line in process.stdout if (ready := READY.search(line))), None)
    assert found is not None, f"the server did not start: exit status {process.wait()}"
    yield RunningServer(found[1], f"http://{found[2]}")
    process.terminate()
    process.wait()
    process.stdout.close()
