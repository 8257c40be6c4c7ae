"""The asyncio face: puts share transactions, wait for room, and are on disk when they return."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from headwater.spool import Limits, Put, Spool, SpoolFile, SpoolFull, SpoolUnusable

from .examples import item, put, text_of, waiting


class CountingFile(SpoolFile):
    """Remembers how many puts each transaction held."""

    def put(self, puts: Sequence[Put]) -> list[int | SpoolFull]:
        self.transactions = [*getattr(self, "transactions", []), len(puts)]
        return super().put(puts)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "operator.spool"


@pytest.fixture
async def spool(path: Path) -> AsyncIterator[Spool]:
    async with Spool(SpoolFile(path, Limits(max_bytes=10_000)), block_seconds=30) as opened:
        yield opened


async def take(spool: Spool, most: int = 1000) -> list[str]:
    """Takes items out of the spool as if they were delivered; gives their texts."""
    batch = await spool.peek(most, 2**30)
    await spool.settle(batch, {})
    return [text_of(each.item.event) for each in batch]


async def test_what_was_put_is_on_disk(path: Path) -> None:
    async with Spool(SpoolFile(path)) as spool:
        assert await spool.put([item("1"), item("2")]) == 0
        assert spool.figures.depth == 2
    with SpoolFile(path) as file:
        assert waiting(file) == ["1", "2"]


async def test_puts_that_come_together_share_a_transaction(path: Path) -> None:
    file = CountingFile(path)
    async with Spool(file) as spool, asyncio.TaskGroup() as putters:
        for number in range(500):
            putters.create_task(spool.put([item(str(number))]))
    assert sum(file.transactions) == 500
    assert len(file.transactions) < 10
    with SpoolFile(path) as again:
        assert waiting(again) == [str(number) for number in range(500)]


async def test_closing_waits_for_what_is_being_put(path: Path) -> None:
    async with Spool(SpoolFile(path)) as spool:
        putting = asyncio.create_task(spool.put([item("1")]))
        await asyncio.sleep(0)
    assert await putting == 0
    with SpoolFile(path) as file:
        assert waiting(file) == ["1"]


async def test_a_putter_that_is_cancelled_does_not_hurt_the_others(spool: Spool) -> None:
    cancelled, other = (asyncio.create_task(spool.put([item(text)])) for text in ("1", "2"))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await other == 0
    assert "2" in await take(spool)


async def test_a_put_waits_for_room(spool: Spool) -> None:
    await spool.put([item("1", size=9000)])
    putters = [asyncio.create_task(spool.put([item(text, size=4000, droppable=True)])) for text in "234"]
    await asyncio.wait(putters, timeout=0.1)
    assert not any(putter.done() for putter in putters)
    seen = await take(spool)
    await asyncio.wait(putters, return_when=asyncio.FIRST_COMPLETED)
    while len(seen) < 4:
        seen += await take(spool)
    assert [await putter for putter in putters] == [0, 0, 0]
    assert sorted(seen) == ["1", "2", "3", "4"]
    assert spool.figures.dropped == 0


async def test_where_no_room_comes_the_droppable_is_dropped_and_the_other_refused(path: Path) -> None:
    async with Spool(SpoolFile(path, Limits(max_bytes=1000)), block_seconds=0.05) as spool:
        await spool.put([item("1", size=900)])
        assert await spool.put([item("2", size=200, droppable=True)]) == 1
        with pytest.raises(SpoolFull):
            await spool.put([item("3", size=200)])
        assert (spool.figures.dropped, spool.figures.gaps) == (1, 1)
        assert await take(spool) == ["1"]


async def test_what_can_never_fit_is_refused_at_once(spool: Spool) -> None:
    with pytest.raises(SpoolFull, match="no room for 20,000 bytes"):
        async with asyncio.timeout(10):
            await spool.put([item("1", size=20_000)])


async def test_whoever_put_into_a_file_that_fails_is_told(path: Path) -> None:
    file = SpoolFile(path)
    async with Spool(file) as spool:
        file.close()
        with pytest.raises(SpoolUnusable, match=r"operator\.spool cannot be used: "):
            await spool.put([item("1")])


async def test_what_ended_owners_left_is_taken_over(path: Path, spool: Spool) -> None:
    for name in ("a", "b"):
        with SpoolFile(path.with_name(f"{name}.spool")) as orphan:
            put(orphan, item(f"{name}1"), item(f"{name}2"))
    with SpoolFile(path.with_name("taken.spool")) as taken:
        put(taken, item("taken"))
        await spool.put([item("own")])
        assert await spool.adopt_orphans() == 4
        assert await take(spool) == ["own", "a1", "a2", "b1", "b2"]
    assert {file.name for file in path.parent.glob("*.spool")} == {"operator.spool", "taken.spool"}


async def test_adoption_ends_where_there_is_no_room_and_goes_on_later(path: Path, spool: Spool) -> None:
    with SpoolFile(path.with_name("big.spool")) as orphan:
        for number in range(3):
            put(orphan, *(item(f"{number}", size=4000) for _ in range(500)))
    seen: list[str] = []
    spool._file.limits = Limits(max_bytes=2_500_000)
    assert await spool.adopt_orphans() == 500
    while spool.figures.depth:
        seen += await take(spool)
        await spool.adopt_orphans()
    assert seen == ["0"] * 500 + ["1"] * 500 + ["2"] * 500


async def test_an_orphan_that_is_no_spool_is_put_aside(
    path: Path, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    path.with_name("a.spool").write_bytes(b"no database at all" * 100)
    with SpoolFile(path.with_name("b.spool")) as orphan:
        put(orphan, item("1"))
    assert await spool.adopt_orphans() == 1
    assert "a.spool is damaged" in caplog.text
    (aside,) = path.parent.glob("a.spool*")
    assert aside.read_bytes().startswith(b"no database at all")


async def test_an_orphan_that_cannot_be_opened_is_passed_over(
    path: Path, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    path.with_name("a.spool").mkdir()
    assert await spool.adopt_orphans() == 0
    assert "a.spool" in caplog.text


async def test_a_full_disk_is_tried_again_now_and_then_while_there_is_time(path: Path) -> None:
    def connect(path: Path) -> sqlite3.Connection:
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA max_page_count = 30")
        return database

    file = CountingFile(path, connect=connect)
    async with Spool(file, block_seconds=0.5) as spool:
        with pytest.raises(SpoolFull, match="the disk is full"):
            await spool.put([item("1", size=500_000)])
    assert 3 <= len(file.transactions) <= 12
