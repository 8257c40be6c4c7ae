"""How content is kept that has a row of its own: zstd frames. For the bodies of events see `event_bodies`."""

from __future__ import annotations

import zstandard

LEVEL = 3
"""The level of compression: higher ones cost more than they save."""

_compressor = zstandard.ZstdCompressor(level=LEVEL)
_decompressor = zstandard.ZstdDecompressor()


def compress(data: bytes) -> bytes:
    """One frame that holds the data. Not to be called from two threads at once."""
    return _compressor.compress(data)


def decompress(frame: bytes) -> bytes:
    """The data in a frame. Not to be called from two threads at once."""
    return _decompressor.decompress(frame)
