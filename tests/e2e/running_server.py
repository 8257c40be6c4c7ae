"""A Headwater server on an address that pods reach, and what it knows of the cluster's jobs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from headwater import NotFound, SyncClient
from headwater.names import JobName
from headwater.v1.catalog_pb2 import Run

from ..server_process import RunningServer, server_process
from .kubernetes_access import Namespace
from .running_operator import CLUSTER


def running_server(host: str, data: Path, *, port: int = 0) -> AbstractContextManager[RunningServer]:
    """Runs a server on a PostgreSQL of its own in a folder, and ends both. gRPC is on any free port unless told."""
    addresses = ("--grpc-address", f"{host}:{port}", "--http-address", f"{host}:0")
    open_to_all = ("--allow-anonymous", "true", "--allow-plaintext", "true")
    return server_process("--data-dir", data, *addresses, *open_to_all)


def runs_of(server: RunningServer, namespace: Namespace, name: str) -> list[Run]:
    """The runs that the server knows of a job; none where it does not know the job."""
    with SyncClient(server.grpc_address) as client:
        parent = str(JobName(f"k8s://{CLUSTER}/{namespace.name}", name))
        try:
            return [client.get_run(each.name, view="FULL") for each in client.runs(parent)]
        except NotFound:
            return []
