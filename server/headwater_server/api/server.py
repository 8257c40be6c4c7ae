"""Serves gRPC: the services of the contract, their health, and reflection on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from .interceptors import CallInterceptor

REFLECTION = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
"""Tools ask for the first name or the second; the messages are the same."""
MAX_METADATA_BYTES = 16_384
"""How much metadata a call may have, of which the caller's token is most; HTTP's headers may be as long."""
FAREWELL_SECONDS = 0.2
"""How long those who watch the server's health may take to hear that it stops."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the contract, who answers it, and gRPC's function that adds one to a server."""

    descriptor: ServiceDescriptor
    servicer: Any
    add: Callable[[Any, grpc.aio.Server], None]


class GrpcServer:
    """A gRPC server. Its services are NOT_SERVING until it is told otherwise."""

    def __init__(
        self,
        services: Sequence[Service],
        interceptor: CallInterceptor,
        *,
        max_message_bytes: int,
        shares_port: bool = False,
    ) -> None:
        self._interceptor = interceptor
        self._server = grpc.aio.server(interceptors=[interceptor], options=_options(max_message_bytes, shares_port))
        for service in services:
            service.add(service.servicer, self._server)
        own = [service.descriptor.full_name for service in services]
        self._health = HealthServicer()
        self._health_names = ["", *own]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        _add_reflection(self._server, [*own, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name])

    def listen(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """The port that is listened on, which is the address's own unless that is 0; raises OSError."""
        try:
            if credentials:
                return self._server.add_secure_port(address, credentials)
            return self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"gRPC cannot listen on {address}: {error}") from error

    async def start(self) -> None:
        """Begins to answer."""
        await self.set_serving(False)
        await self._server.start()

    async def set_serving(self, is_serving: bool) -> None:
        """Tells those who ask for the services' health."""
        states = health_pb2.HealthCheckResponse
        for name in self._health_names:
            await self._health.set(name, states.SERVING if is_serving else states.NOT_SERVING)

    async def stop(self, grace_seconds: float) -> None:
        """Takes nothing new, and returns when what was taken is answered, or the time for it is over."""
        await self._health.enter_graceful_shutdown()
        stopping = asyncio.create_task(self._server.stop(grace_seconds))
        await asyncio.wait([stopping], timeout=FAREWELL_SECONDS)
        self._interceptor.end_watches()
        await stopping


def _options(max_message_bytes: int, shares_port: bool) -> list[tuple[str, int]]:
    return [
        # What is a little too large is refused by us, with a reason; gRPC gives none.
        ("grpc.max_receive_message_length", 2 * max_message_bytes),
        ("grpc.max_send_message_length", -1),
        # From gRPC's own 8 KiB on it refuses calls by chance, and tokens of people in many groups are as long.
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        # Two servers would share a port without a word, and clients see one or the other: the processes of one may.
        ("grpc.so_reuseport", int(shares_port)),
        # A client that is gone is noticed, and one that checks on us in a call or between calls is no nuisance.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
        # Clients come back to whichever server there is then; calls that go on are not cut.
        ("grpc.max_connection_age_ms", 30 * 60_000),
    ]


def _add_reflection(server: grpc.aio.Server, names: Sequence[str]) -> None:
    servicer = ReflectionServicer([*names, *REFLECTION])
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in REFLECTION:
        handler = grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method})
        server.add_generic_rpc_handlers([handler])
