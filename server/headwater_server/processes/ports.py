"""Holds the ports that processes share, so that they have one before any of them listens, and no stranger joins."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
from collections.abc import Iterator

from ..config import Address, Settings


@contextlib.contextmanager
def held_ports(settings: Settings) -> Iterator[Settings]:
    """The settings with the port that the system chose in place of each 0. Raises OSError where one is taken."""
    with contextlib.ExitStack() as stack:
        grpc, http = (stack.enter_context(_held(each)) for each in (settings.grpc_address, settings.http_address))
        metrics, access = settings.metrics_address, settings.access
        if metrics:
            metrics = stack.enter_context(_held(metrics))
        if access.grpc_mtls_address:
            mtls = stack.enter_context(_held(access.grpc_mtls_address))
            access = dataclasses.replace(access, grpc_mtls_address=mtls)
        yield dataclasses.replace(
            settings, grpc_address=grpc, http_address=http, metrics_address=metrics, access=access
        )


@contextlib.contextmanager
def _held(address: Address) -> Iterator[Address]:
    """Binds it and never listens, so no connection comes here."""
    with socket.socket(address.family, socket.SOCK_STREAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as those who listen do, after a restart
        if address.family == socket.AF_INET6:
            holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            holder.bind((address.host, address.port))
        except OSError as error:
            raise OSError(f"the server cannot listen on {address}: {error}") from error
        # Only now may others bind it: before, the server would have shared what another one listens on.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield Address(address.host, holder.getsockname()[1])
