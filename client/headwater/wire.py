"""The connection to the server: one interface over an asyncio channel and over a blocking one.

The blocking wire has the same `async` methods and never suspends, so that what is written once in terms of a `Wire`
serves both faces of the client (see `sync`). Its channel, unlike an asyncio one, also works in a process forked from
this one. Channels are made at the first call. Knows nothing of retries, names or the meaning of messages.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, Self, TypeVar

import grpc
from google.protobuf.message import Message

from .errors import InvalidSettings
from .settings import Settings
from .v1 import catalog_service_pb2, ingest_service_pb2, lineage_service_pb2, pipeline_service_pb2

Metadata = tuple[tuple[str, str], ...]
Stamps = tuple[tuple[int, int, int] | None, ...]
"""What tells files from what they were before."""

LEAVING_SECONDS = 300
"""How long calls may go on over certificates that were renewed meanwhile."""

SERVICES = [
    service
    for module in (catalog_service_pb2, ingest_service_pb2, lineage_service_pb2, pipeline_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]

# The contract gives each request message to one rpc, so a request alone says where it goes.
PATHS = {
    method.input_type.full_name: f"/{service.full_name}/{method.name}"
    for service in SERVICES
    for method in service.methods
}


class Answer(Protocol):
    """Is a message as far as an answer needs to be one."""

    @classmethod
    def FromString(cls, s: bytes, /) -> Self:  # noqa: N802 (protobuf's name)
        """Reads the message."""
        ...


Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Answer)


class Wire(Protocol):
    """Carries single attempts of calls. All methods raise `grpc.RpcError`, or InvalidSettings for unreadable files."""

    async def unary(self, request: Message, response: type[R], seconds: float) -> R:
        """Sends a request and gives its one answer."""
        ...

    def server_stream(self, request: Message, response: type[R], seconds: float) -> AsyncGenerator[R, None]:
        """Sends a request and gives its answers. Closing the generator cancels the call."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...

    async def close(self) -> None:
        """Closes the channel; calls in progress are cancelled."""
        ...


class _Connection:
    """Is what both wires share: the target, the credentials and the options."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._token = BearerToken(settings.token_file) if settings.token_file else None

    @property
    def _metadata(self) -> Metadata:
        return (("authorization", f"Bearer {self._token.read()}"),) if self._token else ()

    @property
    def _credentials(self) -> grpc.ChannelCredentials | None:
        return channel_credentials(self._settings)

    @property
    def _options(self) -> list[tuple[str, str | int]]:
        keepalive_ms = int(self._settings.keepalive_seconds * 1000)
        return [
            ("grpc.primary_user_agent", f"headwater-python/{version('headwater')}"),
            ("grpc.max_send_message_length", self._settings.max_message_bytes),
            ("grpc.max_receive_message_length", self._settings.max_message_bytes),
            ("grpc.keepalive_time_ms", keepalive_ms),
            # The time for the answer to that check; grpc.keepalive_timeout_ms changes nothing (seen with grpcio 1.85).
            ("grpc.http2.ping_timeout_ms", min(keepalive_ms, 10_000)),
            # A retry finds the server soon after it is back; the default waits up to two minutes.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 5_000),
        ]


class AsyncWire(_Connection):
    """Carries calls over an asyncio channel. Belongs to the event loop of its first call.

    A channel keeps the certificates that it was made with, so it is made anew once their files have changed, as where
    a kubelet renews them; calls in progress end on the one before.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._open: grpc.aio.Channel | None = None
        self._stamps: Stamps = ()
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def _channel(self) -> grpc.aio.Channel:
        stamps = _stamps(self._settings)
        if self._open is None:
            self._open, self._stamps = self._new_channel(), stamps
        elif stamps != self._stamps:
            with contextlib.suppress(InvalidSettings):  # what was read before still holds
                old, self._open = self._open, self._new_channel()
                leaving = asyncio.create_task(old.close(LEAVING_SECONDS))
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
            self._stamps = stamps
        return self._open

    def _new_channel(self) -> grpc.aio.Channel:
        address, credentials, options = self._settings.address, self._credentials, self._options
        compression = grpc.Compression.Gzip if self._settings.compress else None
        if credentials is None:
            return grpc.aio.insecure_channel(address, options, compression)
        return grpc.aio.secure_channel(address, credentials, options, compression)

    async def unary(self, request: Message, response: type[R], seconds: float) -> R:
        call = self._channel.unary_unary(_path(request), _to_bytes, response.FromString)
        return await call(request, timeout=seconds, metadata=self._metadata)

    async def server_stream(self, request: Message, response: type[R], seconds: float) -> AsyncGenerator[R, None]:
        call = self._channel.unary_stream(_path(request), _to_bytes, response.FromString)
        answers = call(request, timeout=seconds, metadata=self._metadata)
        try:
            async for answer in answers:
                yield answer
        finally:
            answers.cancel()

    def duplex(self, request: type[Q], response: type[R]) -> "grpc.aio.StreamStreamCall[Q, R]":
        """Opens a stream in both directions, without a deadline."""
        to_bytes: Callable[[Q], bytes] = _to_bytes
        call = self._channel.stream_stream(PATHS[request.DESCRIPTOR.full_name], to_bytes, response.FromString)
        return call(metadata=self._metadata)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        for leaving in self._leaving:
            leaving.cancel()
        if self._open is not None:
            await self._open.close()


class BlockingWire(_Connection):
    """Carries calls over a blocking channel, from any thread."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._opening = threading.Lock()
        self._open: grpc.Channel | None = None

    @property
    def _channel(self) -> grpc.Channel:
        with self._opening:
            if self._open is None:
                address, credentials, options = self._settings.address, self._credentials, self._options
                self._open = (
                    grpc.insecure_channel(address, options)
                    if credentials is None
                    else grpc.secure_channel(address, credentials, options)
                )
            return self._open

    async def unary(self, request: Message, response: type[R], seconds: float) -> R:
        call = self._channel.unary_unary(_path(request), _to_bytes, response.FromString)
        return call(request, timeout=seconds, metadata=self._metadata)

    async def server_stream(self, request: Message, response: type[R], seconds: float) -> AsyncGenerator[R, None]:
        call = self._channel.unary_stream(_path(request), _to_bytes, response.FromString)
        answers = call(request, timeout=seconds, metadata=self._metadata)
        try:
            for answer in answers:
                yield answer
        finally:
            answers.cancel()

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 (there is no loop to hold up)

    async def close(self) -> None:
        if self._open is not None:
            self._open.close()


class BearerToken:
    """Is a token in a file, read again whenever the file changes, as a kubelet renews it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._value = ""

    def read(self) -> str:
        """Gives the token as the file holds it now. Raises InvalidSettings where it cannot be read."""
        try:
            stat = self._path.stat()
        except OSError as error:
            raise InvalidSettings(f"the token file cannot be read: {error}") from None
        stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if stamp != self._stamp:
            self._value = _read(self._path).strip()
            self._stamp = stamp
        return self._value


def channel_credentials(settings: Settings) -> grpc.ChannelCredentials | None:
    """Makes the credentials of a channel; None where it is not TLS. Raises InvalidSettings for unreadable files."""
    if not settings.is_secure:
        return None
    certificates = [_read(settings.ca_file)] if settings.ca_file else []
    key, own = (_read(file).encode() if file else None for file in (settings.key_file, settings.certificate_file))
    return grpc.ssl_channel_credentials("\n".join([*certificates, settings.ca]).encode(), key, own)


def _stamps(settings: Settings) -> Stamps:
    return tuple(_stamp(file) for file in (settings.ca_file, settings.certificate_file, settings.key_file) if file)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Nothing for a file that cannot be looked at: whoever reads it says so."""
    with contextlib.suppress(OSError):
        stat = path.stat()
        return stat.st_mtime_ns, stat.st_ino, stat.st_size
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"{path} cannot be read: {error}") from None


def _path(request: Message) -> str:
    return PATHS[request.DESCRIPTOR.full_name]


def _to_bytes(message: Message) -> bytes:
    return message.SerializeToString()
