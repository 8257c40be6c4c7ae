"""What a servicer asks of its call: how long the client waits, and who it is.

The same servicers answer over gRPC and, through `json_view`, over HTTP, so they ask for no more of a context than this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote


class Call(Protocol):
    """The part of a gRPC context that servicers use."""

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline; None where it set none."""

    def peer(self) -> str:
        """The client's network address, as gRPC writes it: `ipv4:127.0.0.1:50412`."""


@dataclass(frozen=True, slots=True)
class LocalCall:
    """A call that came another way than gRPC."""

    seconds: float
    address: str

    def time_remaining(self) -> float | None:
        """Seconds until the deadline."""
        return self.seconds

    def peer(self) -> str:
        """The client's network address, as gRPC writes it."""
        return self.address


def seconds_left(call: Call, most: float) -> float:
    """How long an answer may take: until the client's deadline, and no longer than `most` seconds."""
    remaining = call.time_remaining()
    return most if remaining is None else max(0.0, min(remaining, most))


def sender_of(call: Call) -> str:
    """Who calls: the network address without its port, which says nothing and would make every sender a new one."""
    family, _, rest = unquote(call.peer()).partition(":")
    host = rest.rpartition(":")[0] if family in ("ipv4", "ipv6") else rest
    return host.strip("[]") or family
