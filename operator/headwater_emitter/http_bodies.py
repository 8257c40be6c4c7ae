"""Reads bodies of HTTP requests, compressed or not, within bounds: of one body, and of all that are held at a time."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator

import msgspec
from msgspec import Raw
from starlette.requests import Request

from headwater.event_arrays import BrokenArray, broken_array_elements

from .refusals import invalid_field, no_room, too_large

SECONDS = 60
"""How long a body may take to arrive."""
LARGE_BYTES = 1 << 20
"""From which size on a body is decompressed and taken apart in a thread, so that others need not wait for it."""
MAX_EVENTS = 10_000
"""How many events one request may carry, as the server has it."""
MAX_BROKEN_BYTES = 8 << 20
"""How large an array may be that holds something that is no JSON."""

_decode_array = msgspec.json.Decoder(list[Raw]).decode


class Bodies:
    """Reads bodies of up to so many bytes after decompression, and holds no more than that at a time."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held = 0

    @contextlib.asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The body, held until the end of the block. Raises InvalidArgument, TooLarge or Overloaded."""
        site = request.headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin"):
            raise invalid_field("Sec-Fetch-Site", f"is {site[:64]}", "send requests from a page of this server")
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            raise invalid_field("Content-Encoding", f"is {encoding[:64]}", "send gzip, or the body as it is")
        held = 0
        try:
            body = bytearray()
            async with asyncio.timeout(SECONDS):
                chunks = request.stream()
                async for chunk in chunks:
                    body += chunk
                    held += self._hold(len(chunk))
                    if len(body) > self._max_bytes:
                        await _discard(chunks, self._max_bytes)
                        raise too_large("body", len(body), self._max_bytes, "bytes")
            if encoding == "identity":
                yield bytes(body)
                return
            limit = self._max_bytes
            plain = await asyncio.to_thread(gunzip, body, limit) if len(body) > LARGE_BYTES else gunzip(body, limit)
            held += self._hold(len(plain))
            yield plain
        except TimeoutError:
            raise invalid_field("body", f"did not arrive within {SECONDS} s", "send it in smaller parts") from None
        finally:
            self._held -= held

    def _hold(self, size: int) -> int:
        """Counts bytes in. A single body is never too much: it has a bound of its own."""
        if self._held > self._max_bytes:
            raise no_room(f"{self._held} bytes are being read")
        self._held += size
        return size


async def _discard(chunks: AsyncIterator[bytes], most: int) -> None:
    """Reads what is left, up to so many bytes: many clients look for an answer only once they have sent all."""
    async for chunk in chunks:
        most -= len(chunk)
        if most < 0:
            break


def gunzip(data: bytes | bytearray, limit: int) -> bytes:
    """What one or more gzip members become. Raises InvalidArgument where they are broken, and TooLarge."""
    plain = bytearray()
    left = bytes(data)
    while left:
        member = zlib.decompressobj(wbits=31)
        try:
            plain += member.decompress(left, limit + 1 - len(plain))
        except zlib.error:
            raise invalid_field("body", "is no gzip", "send what Content-Encoding says") from None
        if len(plain) > limit:
            raise too_large("body", len(plain), limit, "bytes")
        if not member.eof:
            raise invalid_field("body", "is no whole gzip", "send all of it")
        left = member.unused_data
    return bytes(plain)


async def read_events(body: bytes) -> list[bytes]:
    """The events of a JSON array, each byte for byte as it was sent; one that is no JSON does not harm the others.

    Raises InvalidArgument or TooLarge.
    """
    return _split(body) if len(body) < LARGE_BYTES else await asyncio.to_thread(_split, body)


def _split(body: bytes) -> list[bytes]:
    try:
        elements = [*map(bytes, _decode_array(body))]
    except (msgspec.DecodeError, RecursionError) as error:
        if not body.lstrip().startswith(b"[") or len(body) > MAX_BROKEN_BYTES:
            raise invalid_field("body", f"is no JSON array ({error})", "send an array of events") from None
        try:
            elements = list(broken_array_elements(body.strip()))
        except BrokenArray as broken:
            raise invalid_field("body", broken.problem, broken.remedy) from None
    if len(elements) > MAX_EVENTS:
        raise too_large("body", len(elements), MAX_EVENTS, "events")
    return elements
