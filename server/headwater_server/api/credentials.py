"""What a gRPC call shows of its caller."""

from __future__ import annotations

from typing import Any

import grpc

from ..domain.callers import Credentials

AUTHORIZATION = "authorization"
CERTIFICATE = "x509_pem_cert"
"""How gRPC calls the client's certificate once the handshake has verified it."""


def credentials_of(context: grpc.aio.ServicerContext[Any, Any]) -> Credentials:
    """The credentials of a call, not verified yet."""
    told = tuple(
        value if isinstance(value, str) else value.decode("latin-1")
        for key, value in context.invocation_metadata() or ()
        if key == AUTHORIZATION
    )
    certificate = None if told else next(iter(context.auth_context().get(CERTIFICATE, ())), None)
    return Credentials(told, certificate)
