"""How bodies are kept: zstd frames. A frame names the dictionary that it needs, so old frames stay readable."""

from __future__ import annotations

import threading

import zstandard

LEVEL = 3
"""The level of compression: higher ones cost more than they save."""


class Codec:
    """Compresses and decompresses; safe to use from several threads."""

    def __init__(self) -> None:
        self._local = threading.local()

    def compress(self, data: bytes) -> bytes:
        """One frame that holds the data."""
        compressor: zstandard.ZstdCompressor | None = getattr(self._local, "compressor", None)
        if compressor is None:
            compressor = self._local.compressor = zstandard.ZstdCompressor(level=LEVEL)
        return compressor.compress(data)

    def decompress(self, frame: bytes) -> bytes:
        """The data in a frame."""
        decompressor: zstandard.ZstdDecompressor | None = getattr(self._local, "decompressor", None)
        if decompressor is None:
            decompressor = self._local.decompressor = zstandard.ZstdDecompressor()
        return decompressor.decompress(frame)


_codec = Codec()


def compress(data: bytes) -> bytes:
    """One frame that holds the data."""
    return _codec.compress(data)


def decompress(frame: bytes) -> bytes:
    """The data in a frame."""
    return _codec.decompress(frame)
