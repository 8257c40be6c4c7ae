"""What a servicer asks of its call: how long the client waits, and who calls.

The same servicers answer over gRPC and, through `json_view`, over HTTP, so they ask for no more of a context than this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from ..domain.callers import ANYONE, Caller


class Call(Protocol):
    """The part of a gRPC context that servicers use."""

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline; None where it set none."""

    def peer(self) -> str:
        """The client's network address, as gRPC writes it: `ipv4:127.0.0.1:50412`."""


@dataclass(frozen=True, slots=True)
class GrpcCall:
    """A call over gRPC, by a caller who was let in."""

    context: Call
    caller: Caller

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline; None where it set none."""
        return self.context.time_remaining()

    def peer(self) -> str:
        """The client's network address, as gRPC writes it."""
        return self.context.peer()


@dataclass(frozen=True, slots=True)
class LocalCall:
    """A call that came another way than gRPC."""

    seconds: float
    address: str
    caller: Caller = ANYONE

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


def caller_of(call: Call) -> Caller:
    """Who calls. Both doors hand servicers such calls alone that know."""
    assert isinstance(call, GrpcCall | LocalCall)
    return call.caller


def sender_of(call: Call) -> str:
    """Who calls: the identity; where nobody is asked for one, the network address.

    The address goes without its port, which says nothing and would make every sender a new one.
    """
    if identity := caller_of(call).identity:
        return identity
    family, _, rest = unquote(call.peer()).partition(":")
    host = rest.rpartition(":")[0] if family in ("ipv4", "ipv6") else rest
    return host.strip("[]") or family
