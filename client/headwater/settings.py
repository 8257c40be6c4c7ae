"""How the client reaches its server: one frozen value, by hand or from the environment. It opens nothing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from .errors import InvalidSettings

_LOCAL_SCHEMES = ("unix:", "unix-abstract:")
_RESOLVERS = ("dns:///", "dns:", "ipv4:", "ipv6:", "passthrough:///")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Says where the server is, who calls, and how patient a call is. Raises InvalidSettings with every problem.

    >>> Settings(address="headwater.lineage.svc:4970", ca_file=Path("/etc/headwater/ca.pem"), timeout_seconds=5)
    Settings(address='headwater.lineage.svc:4970', ...)
    """

    address: str = "127.0.0.1:4970"
    """A gRPC target: `host:port`, `dns:///host:port`, `unix:/path`."""

    token_file: Path | None = None
    """The file that holds the bearer token, read again whenever it changes; none: the call names nobody."""

    ca_file: Path | None = None
    """The file of the CA certificates (PEM) that the server's is checked against; with one, the channel is TLS."""

    ca: str = field(default="", repr=False)
    """CA certificates as PEM text, beside those of `ca_file`; with one, the channel is TLS."""

    certificate_file: Path | None = None
    """The file of the client's own certificate (PEM), for a server that knows its callers by theirs."""

    key_file: Path | None = None
    """The file of the private key of that certificate (PEM)."""

    timeout_seconds: float = 30.0
    """How long a call may take, all its attempts included, where the call does not say."""

    max_attempts: int = 5
    """How often a call is tried while the server is away or overloaded."""

    keepalive_seconds: float = 60.0
    """After how long without a word from the server a call in progress checks that it is still there."""

    max_message_bytes: int = 64 * 2**20
    """The largest request and answer."""

    compress: bool = False
    """Whether an asyncio client sends its requests compressed (gzip), as for events over a network."""

    def __post_init__(self) -> None:
        problems = [
            f"{name} must be positive"
            for name in ("timeout_seconds", "max_attempts", "keepalive_seconds", "max_message_bytes")
            if not getattr(self, name) > 0
        ]
        if not self.address:
            problems.append("address must not be empty")
        if self.token_file is not None and not self.is_secure and not _is_local(self.address):
            problems.append("a token goes to another machine over TLS only: set HEADWATER_CA_FILE or HEADWATER_CA")
        if (self.certificate_file is None) != (self.key_file is None):
            problems.append(
                "a certificate and its key go together: set HEADWATER_CERTIFICATE_FILE and HEADWATER_KEY_FILE"
            )
        elif self.certificate_file is not None and not self.is_secure:
            problems.append("a certificate is shown over TLS only: set HEADWATER_CA_FILE or HEADWATER_CA")
        if problems:
            raise InvalidSettings("; ".join(problems))

    @property
    def is_secure(self) -> bool:
        """Whether the channel is TLS."""
        return bool(self.ca) or self.ca_file is not None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Reads HEADWATER_ADDRESS and HEADWATER_CA, and HEADWATER_TOKEN_FILE, HEADWATER_CA_FILE,
        HEADWATER_CERTIFICATE_FILE and HEADWATER_KEY_FILE; empty is not set."""
        environment = os.environ if environment is None else environment

        def file(name: str) -> Path | None:
            path = environment.get(f"HEADWATER_{name}_FILE")
            return Path(path) if path else None

        return cls(
            address=environment.get("HEADWATER_ADDRESS") or cls.address,
            token_file=file("TOKEN"),
            ca_file=file("CA"),
            ca=environment.get("HEADWATER_CA", ""),
            certificate_file=file("CERTIFICATE"),
            key_file=file("KEY"),
        )


def _is_local(address: str) -> bool:
    if address.startswith(_LOCAL_SCHEMES):
        return True
    for resolver in _RESOLVERS:
        address = address.removeprefix(resolver)
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
