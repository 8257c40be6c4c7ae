"""How the bodies of events are kept: zstd with a dictionary that was trained on events like them.

Without a dictionary an event of some kilobytes shrinks to a third; with one, to a tenth, and still each can be read
alone. A server trains a dictionary on the first events that it sees, unless the store has one, and writes it to the
store before it uses it. A frame names its dictionary, so what was written before stays readable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import zstandard

from .compression import LEVEL
from .database import Connection, Database

SAMPLES = 2_000
"""How many events a dictionary is trained on."""
MAX_SAMPLE_BYTES = 65_536
DICTIONARY_BYTES = 65_536

logger = logging.getLogger(__name__)

_readers: dict[int, zstandard.ZstdDecompressor] = {0: zstandard.ZstdDecompressor()}
"""By the id of a dictionary, which is a hash of it; 0 for none."""


class BodyCompressor:
    """Compresses bodies with the store's newest dictionary."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self._samples: list[bytes] | None = None
        self._training: asyncio.Task[None] | None = None

    async def prepare(self, connection: Connection) -> None:
        """Takes the newest dictionary of the store; without one, begins to collect events to train one on."""
        body = await connection.fetchval("SELECT body FROM dictionaries ORDER BY created DESC, dictionary_id LIMIT 1")
        if body is None:
            self._samples = []
        else:
            self._use(body)

    def compress(self, body: bytes) -> bytes:
        """One frame that holds the body."""
        if self._samples is not None and len(self._samples) < SAMPLES and len(body) <= MAX_SAMPLE_BYTES:
            self._samples.append(body)
        return self._compressor.compress(body)

    def train_if_ready(self, database: Database) -> None:
        """Begins to train a dictionary once enough events were seen; goes on beside everything else."""
        if self._samples is not None and len(self._samples) >= SAMPLES and self._training is None:
            self._training = asyncio.create_task(self._train(database, self._samples), name="dictionary")

    async def close(self) -> None:
        """Gives up a training that goes on."""
        if self._training:
            self._training.cancel()
            await asyncio.wait([self._training])

    async def _train(self, database: Database, samples: list[bytes]) -> None:
        self._samples = None
        number = int.from_bytes(blake2b(b"".join(samples), digest_size=4).digest(), "big") % (2**31 - 32768) + 32768
        try:
            trained = await asyncio.to_thread(
                lambda: zstandard.train_dictionary(DICTIONARY_BYTES, [*samples], dict_id=number)
            )
        except zstandard.ZstdError as error:
            logger.info("no dictionary was trained: %s", error)  # events too few or too alike: plain zstd will do
            return
        async with database.transaction() as connection:
            await connection.execute(
                "INSERT INTO dictionaries (dictionary_id, body) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                number,
                trained.as_bytes(),
            )
        self._use(trained.as_bytes())

    def _use(self, body: bytes) -> None:
        dictionary = zstandard.ZstdCompressionDict(body)
        dictionary.precompute_compress(level=LEVEL)
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary)


async def read_bodies(connection: Connection, frames: Sequence[bytes]) -> list[bytes]:
    """The bodies in frames, in their order."""
    numbers = [zstandard.get_frame_parameters(frame).dict_id for frame in frames]
    await _learn(connection, set(numbers) - _readers.keys())
    return [_readers[number].decompress(frame) for number, frame in zip(numbers, frames, strict=True)]


async def _learn(connection: Connection, numbers: Iterable[int]) -> None:
    missing = list(numbers)
    if not missing:
        return
    rows = await connection.fetch(
        "SELECT dictionary_id, body FROM dictionaries WHERE dictionary_id = ANY($1::int[])", missing
    )
    for number, body in rows:
        _readers[number] = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(body))
