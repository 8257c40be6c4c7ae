"""A Headwater server as a process of its own, on an address that pods reach."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY = re.compile(r"headwater-server ready grpc=(\S+) http=(\S+)")


@dataclass(frozen=True)
class RunningServer:
    """Where the server answers, for tests and for pods alike."""

    grpc_address: str
    http_url: str


@contextmanager
def running_server(host: str, data: Path, *, port: int = 0) -> Iterator[RunningServer]:
    """Runs a server on a PostgreSQL of its own in a folder, and ends both. gRPC is on any free port unless told."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "headwater_server.cli", "serve", "--data-dir", str(data)),
            *(
                "--grpc-address",
                f"{host}:{port}",
                "--http-address",
                f"{host}:0",
                "--allow-anonymous",
                "true",
                "--allow-plaintext",
                "true",
            ),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            found = next((ready for line in process.stdout if (ready := READY.search(line))), None)
            assert found is not None, f"the server did not start: exit status {process.wait()}"
            yield RunningServer(found[1], f"http://{found[2]}")
        finally:
            process.terminate()
            process.wait()
