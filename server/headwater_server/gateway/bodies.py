"""Reads the bodies of requests, compressed or not, within bounds: of one body, and of all that are held at a time."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Iterator

from starlette.requests import Request

from ..domain.errors import InvalidField, Overloaded, TooLarge

SECONDS = 60
"""How long a body may take to arrive."""
RETRY_SECONDS = 1.0
PIECE_BYTES = 1 << 18
"""How much is decompressed at a time, so that a small body that becomes a huge one is found out early."""


class UnknownEncoding(InvalidField):
    """A body is compressed in a way that is not understood."""

    def __init__(self, encoding: str) -> None:
        super().__init__("Content-Encoding", f"is {encoding[:64]}", "send gzip, or the body as it is")


class OtherSite(InvalidField):
    """A browser sends what a page of another site tells it to; who may write is not for that page to decide."""

    def __init__(self, site: str) -> None:
        super().__init__("Sec-Fetch-Site", f"is {site[:64]}", "send requests from a page of this server")


class BodyTooLarge(TooLarge):
    """A body is larger than the server takes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__("body", size, limit, "bytes")


class BodyReader:
    """Reads bodies of up to so many bytes after decompression, and holds so many bytes of bodies at a time."""

    def __init__(self, *, max_request_bytes: int, max_bytes_in_flight: int) -> None:
        self._max_request_bytes = max_request_bytes
        self._max_bytes_in_flight = max_bytes_in_flight
        self._held = 0

    @contextlib.asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The body, held until the end of the block.

        Raises BodyTooLarge, Overloaded, UnknownEncoding, OtherSite, or InvalidField where it is broken or late.
        """
        site = request.headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin"):
            raise OtherSite(site)
        pieces: list[bytes] = []
        size = 0
        chunks = request.stream()
        try:
            try:
                async with asyncio.timeout(SECONDS):
                    async for piece in _pieces(chunks, request.headers.get("content-encoding")):
                        pieces.append(piece)
                        size += len(piece)
                        self._held += len(piece)
                        if size > self._max_request_bytes:
                            pieces.clear()
                            await discard(chunks, self._max_request_bytes)
                            raise BodyTooLarge(size, self._max_request_bytes)
                        if self._held > self._max_bytes_in_flight:
                            raise Overloaded("bytes", self._held, self._max_bytes_in_flight, RETRY_SECONDS)
            except TimeoutError:
                raise InvalidField("body", f"did not arrive within {SECONDS} s", "send it in smaller parts") from None
            yield b"".join(pieces)
        finally:
            self._held -= size


async def discard(chunks: AsyncIterator[bytes], most: int) -> None:
    """Reads what is left, up to so many bytes: many clients look for an answer only once they have sent all."""
    async for chunk in chunks:
        most -= len(chunk)
        if most < 0:
            break


async def _pieces(chunks: AsyncIterator[bytes], content_encoding: str | None) -> AsyncIterator[bytes]:
    encoding = (content_encoding or "identity").strip().lower()
    if encoding == "identity":
        async for chunk in chunks:
            yield chunk
    elif encoding in ("gzip", "x-gzip"):
        gunzip = _Gunzip()
        async for chunk in chunks:
            for piece in gunzip.pieces(chunk):
                yield piece
                await asyncio.sleep(0)
        gunzip.check_end()
    else:
        raise UnknownEncoding(encoding)


class _Gunzip:
    """Decompresses a stream of one or more gzip members; raises InvalidField where it is broken."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._is_between = True

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What some more compressed bytes become, piece by piece."""
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            self._is_between = False
            try:
                piece = self._member.decompress(data, PIECE_BYTES)
            except zlib.error:
                raise InvalidField("body", "is no gzip", "send what Content-Encoding says") from None
            self._is_between = self._member.eof
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                yield piece

    def check_end(self) -> None:
        """Raises InvalidField where a member is not whole."""
        if not self._is_between:
            raise InvalidField("body", "is no whole gzip", "send all of it")
