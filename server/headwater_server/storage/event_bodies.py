"""How bodies of events are compressed: zstd with a dictionary that was trained on events like them.

Without a dictionary an event of some kilobytes shrinks to a third; with one, to a tenth, and still each can be read
alone. A server trains a dictionary on the first events that it sees, unless the store has one, and another one once
events shrink clearly less than they did: traffic changes. It writes a dictionary to the store before it uses it. A
frame names its dictionary, so what was written before stays readable.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

import zstandard

from .compression import LEVEL
from .database import Connection, Database

SAMPLES = 2_000
"""How many events a dictionary is trained on."""
MAX_SAMPLE_BYTES = 65_536
MANY = 100
"""From how many on bodies are compressed beside the loop."""
DICTIONARY_BYTES = 65_536
SHARE_EVENTS = 20_000
"""Over how many events it is measured how much of their size is left."""
WORSE = 1.5
"""How many times more than usual has to be left before another dictionary is trained."""

_TRAINED_SINCE = """
SELECT body FROM dictionaries WHERE created > now() - make_interval(secs => $1)
ORDER BY created DESC, dictionary_id LIMIT 1
"""

logger = logging.getLogger(__name__)

_readers: dict[int, zstandard.ZstdDecompressor] = {0: zstandard.ZstdDecompressor()}
"""By the id of a dictionary, which is a hash of it; 0 for none."""


class BodyCompressor:
    """Compresses bodies with the store's newest dictionary."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self._samples: list[bytes] | None = None
        self._sampled_since = 0.0
        self._training: asyncio.Task[None] | None = None
        self._share = Share()
        self._usual_share: float | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="bodies")

    async def prepare(self, connection: Connection) -> None:
        """Takes the newest dictionary of the store; without one, begins to collect events to train one on."""
        body = await connection.fetchval("SELECT body FROM dictionaries ORDER BY created DESC, dictionary_id LIMIT 1")
        if body is None:
            self._begin_to_sample()
        else:
            self._use(body)

    def see(self, bodies: Iterable[bytes]) -> None:
        """Collects events to train a dictionary on, if that is due."""
        if self._samples is not None:
            room = SAMPLES - len(self._samples)
            self._samples += islice((body for body in bodies if len(body) <= MAX_SAMPLE_BYTES), room)

    async def compress(self, bodies: Sequence[bytes]) -> list[bytes]:
        """A frame for each body. Many are compressed beside the loop: the work needs no Python."""
        compressor = self._compressor
        if len(bodies) < MANY:
            frames = [compressor.compress(body) for body in bodies]
        else:
            frames = await asyncio.get_running_loop().run_in_executor(self._worker, _compress_all, compressor, bodies)
        self._share.add(len(bodies), sum(map(len, bodies)), sum(map(len, frames)))
        return frames

    def train_if_ready(self, database: Database) -> None:
        """Begins to train a dictionary once that is due and enough events were seen; goes on beside everything else."""
        if self._training is not None and not self._training.done():
            return
        if self._samples is None:
            self._look_at_share()
        elif len(self._samples) >= SAMPLES:
            samples, self._samples = self._samples, None
            self._training = asyncio.create_task(self._train(database, samples), name="dictionary")

    async def trained(self) -> None:
        """Returns when no training goes on."""
        if self._training:
            await asyncio.wait([self._training])

    async def close(self) -> None:
        """Gives up a training that goes on."""
        if self._training:
            self._training.cancel()
            await asyncio.wait([self._training])
        self._worker.shutdown()

    def _look_at_share(self) -> None:
        """Begins to collect events once they keep more of their size than is usual with this dictionary."""
        if self._share.events < SHARE_EVENTS:
            return
        share, self._share = self._share.value, Share()
        if self._usual_share is None:
            self._usual_share = share
        elif share > self._usual_share * WORSE:
            self._usual_share = share
            self._begin_to_sample()

    def _begin_to_sample(self) -> None:
        self._samples, self._sampled_since = [], time.monotonic()

    async def _train(self, database: Database, samples: list[bytes]) -> None:
        async with database.transaction() as connection:
            trained_meanwhile = await connection.fetchval(_TRAINED_SINCE, time.monotonic() - self._sampled_since)
        if trained_meanwhile:  # by another process, which sees the same traffic
            self._use(trained_meanwhile)
            return
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
        logger.info("events are compressed with dictionary %d from now on", number)

    def _use(self, body: bytes) -> None:
        dictionary = zstandard.ZstdCompressionDict(body)
        dictionary.precompute_compress(level=LEVEL)
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary)
        self._share, self._usual_share = Share(), None


@dataclass(slots=True)
class Share:
    """How much of the size of events is left when they are compressed."""

    events: int = 0
    whole: int = 0
    kept: int = 0

    def add(self, events: int, whole: int, kept: int) -> None:
        """Counts events of so many bytes, of which so many are kept."""
        self.events += events
        self.whole += whole
        self.kept += kept

    @property
    def value(self) -> float:
        """The share of the bytes."""
        return self.kept / max(self.whole, 1)


def _compress_all(compressor: zstandard.ZstdCompressor, bodies: Sequence[bytes]) -> list[bytes]:
    frames = compressor.multi_compress_to_buffer(
        list(bodies), threads=1
    )  # in one step, so that nobody waits for Python
    return [frames[place].tobytes() for place in range(len(frames))]


async def read_frames(connection: Connection, frames: Sequence[bytes]) -> list[bytes]:
    """What is in frames, in their order."""
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
