"""A Headwater server that is TLS, and believes the tokens that the cluster gives to ServiceAccounts."""

from __future__ import annotations

import ipaddress
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509

from headwater import Settings, SyncClient

from ..server.access.authority import Authority
from ..server_process import server_process
from .kubernetes_access import kubectl
from .running_operator import CLUSTER, program

AUDIENCE = "headwater"


class SecuredServer:
    """A server on an address that stays its own while it is away. It lets ServiceAccounts of the cluster write events,
    and nobody else but who has the token of these tests; each time it runs, it has another certificate."""

    def __init__(self, host: str, folder: Path) -> None:
        self._host = host
        self._folder = folder
        self._authority = Authority(folder)
        with socket.create_server((host, 0)) as probe:
            self._port = probe.getsockname()[1]
        self.data = folder / "data"
        self.ca_file = self._authority.ca
        self.token_file = folder / "admin.token"
        self.token_file.write_text(_make_token(self.data))

    @property
    def address(self) -> str:
        """Where it answers gRPC."""
        return f"{self._host}:{self._port}"

    @property
    def ca(self) -> str:
        """The certificate of its authority, as PEM."""
        return self.ca_file.read_text()

    @contextmanager
    def running(self) -> Iterator[SyncClient]:
        """Runs it, and gives a client that may do everything."""
        own = self._authority.issue("server", "headwater", x509.IPAddress(ipaddress.ip_address(self._host)))
        options = (
            *("--data-dir", self.data, "--grpc-address", self.address, "--http-address", f"{self._host}:0"),
            *("--tls-certificate-file", own.certificate, "--tls-key-file", own.key),
            *("--access-file", write_access_file(self._folder)),
        )
        settings = Settings(address=self.address, ca_file=self.ca_file, token_file=self.token_file)
        with server_process(*options), SyncClient(settings=settings) as client:
            yield client


def write_access_file(folder: Path) -> Path:
    """Says whose tokens are believed: the cluster's, by the keys that its API server tells now."""
    keys = folder / "keys.json"
    keys.write_text(kubectl("get", "--raw", "/openid/v1/jwks"))
    issuer = json.loads(kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
    file = folder / "access.toml"
    file.write_text(f'[[issuers]]\nname = "{CLUSTER}"\nurl = "{issuer}"\naudience = "{AUDIENCE}"\nkeys = "{keys}"\n')
    return file


def _make_token(data: Path) -> str:
    options = ("--role", "admin", "--name", "tests", "--data-dir", str(data))
    command = [program("headwater-server"), "token", "create", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
