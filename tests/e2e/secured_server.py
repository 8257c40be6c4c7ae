"""A Headwater server that is TLS, and believes the tokens that the cluster gives to ServiceAccounts."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from ..server.access.authority import Authority
from ..server_process import server_process
from .kubernetes_access import kubectl
from .running_operator import CLUSTER, program

AUDIENCE = "headwater"


@dataclass(frozen=True)
class SecuredServer:
    """Where the server answers, the authority of its certificate, and a token of somebody who may do everything."""

    grpc_address: str
    https_url: str
    ca: str
    ca_file: Path
    token_file: Path


@contextmanager
def secured_server(host: str, folder: Path, *, port: int = 0) -> Iterator[SecuredServer]:
    """Runs a server that lets ServiceAccounts of this cluster write events, and nobody else but who has the token."""
    authority = Authority(folder)
    pair = authority.issue("server", "headwater", x509.IPAddress(ipaddress.ip_address(host)))
    data = folder / "data"
    options = (
        *("--data-dir", data, "--grpc-address", f"{host}:{port}", "--http-address", f"{host}:0"),
        *("--tls-certificate-file", pair.certificate, "--tls-key-file", pair.key),
        *("--access-file", write_access_file(folder)),
    )
    token_file = folder / "admin.token"
    token_file.write_text(_make_token(data))
    with server_process(*options) as found:
        https_url = found.http_url.replace("http:", "https:")
        yield SecuredServer(found.grpc_address, https_url, authority.ca.read_text(), authority.ca, token_file)


def write_access_file(folder: Path) -> Path:
    """Says whose tokens are believed: the cluster's, by the keys that its API server tells now."""
    keys = folder / "keys.json"
    keys.write_text(kubectl("get", "--raw", "/openid/v1/jwks"))
    issuer = json.loads(kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
    file = folder / "access.toml"
    file.write_text(
        f'[[issuers]]\nname = "{CLUSTER}"\nurl = "{issuer}"\naudience = "{AUDIENCE}"\nkeys = "{keys}"\n'
        f'\n[[roles]]\nrole = "operator"\nsubjects = ["{CLUSTER}:system:serviceaccount:headwater:headwater-operator"]\n'
    )
    return file


def _make_token(data: Path) -> str:
    options = ("--role", "admin", "--name", "tests", "--data-dir", str(data))
    command = [program("headwater-server"), "token", "create", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
