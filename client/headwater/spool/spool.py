"""The asyncio face of a spool: puts that come together share a transaction, and wait for room where there is none."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from .adoption import adopt
from .errors import SpoolFull
from .items import DeadLetter, Figures, Gap, Item, Kept, Put, Refusal
from .spool_file import SpoolFile

FULL_DISK_SECONDS = 0.1
"""After how long it is tried again where the disk itself is full, which no figure tells."""

A = ParamSpec("A")
R = TypeVar("R")


class Spool:
    """Keeps items on disk until the server has them. Belongs to one event loop; SQLite works in a thread of its own.

        async with Spool(SpoolFile(Path("/var/lib/headwater/emitter.spool"))) as spool:
            await spool.put([Item(event.SerializeToString(), run=run_id)])

    Where there is no room, `put` waits for it, `block_seconds` at the most.
    """

    def __init__(self, file: SpoolFile, *, block_seconds: float = 5.0) -> None:
        self._file = file
        self._block_seconds = block_seconds
        self._thread = ThreadPoolExecutor(1, "headwater-spool")
        self._waiting: list[tuple[Put, asyncio.Future[int]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @property
    def figures(self) -> Figures:
        """What is in the spool now."""
        return self._file.figures

    @property
    def max_bytes(self) -> int:
        """What the waiting items may take."""
        return self._file.limits.max_bytes

    async def put(self, items: Iterable[Item]) -> int:
        """Keeps items; they are on disk when it returns. Gives how many were dropped for want of room.

        Where there is no room in time, the newest droppable items are dropped, of these and of those that wait; and
        where that does not make room for the others, SpoolFull is raised, and none of these is kept. Raises
        SpoolUnusable where the file cannot be written.
        """
        patient = Put(tuple(items), may_drop=False)
        try:
            return await self._write(patient)
        except SpoolFull:
            pass
        deadline = asyncio.get_running_loop().time() + self._block_seconds
        with suppress(TimeoutError):
            while patient.size <= self.max_bytes:
                async with asyncio.timeout_at(deadline):
                    await self.wait_until(lambda figures: figures.size + patient.size <= self.max_bytes)
                with suppress(SpoolFull):
                    return await self._write(patient)
                async with asyncio.timeout_at(deadline):
                    await asyncio.sleep(FULL_DISK_SECONDS)
        return await self._write(Put(patient.items))

    async def peek(self, most: int, most_bytes: int) -> list[Kept]:
        """Gives the first items of the line; see `SpoolFile.peek`."""
        return await self._do(self._file.peek, most, most_bytes)

    async def settle(self, items: Sequence[Kept], refusals: Mapping[int, Refusal]) -> None:
        """Takes the first items from the line; see `SpoolFile.settle`."""
        await self._do(self._file.settle, items, refusals)

    async def gaps(self) -> list[Gap]:
        """Gives the gaps of which nobody was told; see `SpoolFile.gaps`."""
        return await self._do(self._file.gaps)

    async def tell(self, gap: Gap, item: Item | None) -> None:
        """Puts an item that tells of a gap in its place; see `SpoolFile.tell`."""
        await self._do(self._file.tell, gap, item)

    async def dead_letters(self) -> list[DeadLetter]:
        """Gives the dead letters, oldest first."""
        return await self._do(lambda: [*self._file.dead_letters()])

    async def adopt_orphans(self) -> int:
        """Takes over what ended owners left in spools of the same folder, as far as there is room; gives how much."""
        adopted, steps = 0, adopt(self._file)
        while (step := await self._do(_next, steps)) is not None:
            adopted += step
        return adopted

    async def wait_until(self, holds: Callable[[Figures], bool]) -> None:
        """Waits until something holds of the figures."""
        while not holds(self.figures):
            await self._changed.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file, once what was put is written."""
        try:
            if self._writing:
                await asyncio.wait({self._writing})
        finally:
            await self._do(self._file.close)
            self._thread.shutdown()

    async def _write(self, put: Put) -> int:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((put, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        return await future

    async def _write_waiting(self) -> None:
        """Writes what came while the last transaction was written, again and again."""
        while self._waiting:
            group, self._waiting = self._waiting, []
            outcomes: Sequence[int | Exception]
            try:
                outcomes = await self._do(self._file.put, [put for put, _ in group])
            except Exception as error:  # noqa: BLE001 (each of those who wait is told)
                outcomes = [error] * len(group)
            for (_, future), outcome in zip(group, outcomes, strict=True):
                if future.done():  # who waited was cancelled
                    continue
                if isinstance(outcome, int):
                    future.set_result(outcome)
                else:
                    future.set_exception(outcome)
        self._writing = None

    async def _do(self, work: Callable[A, R], *args: A.args, **kwargs: A.kwargs) -> R:
        """Does work in the thread, and has those look again who wait for the figures to change."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, lambda: work(*args, **kwargs))
        finally:
            self._changed.set()
            self._changed = asyncio.Event()


def _next(steps: Iterator[int]) -> int | None:
    return next(steps, None)
