"""A spool in its file: what was put is there, in order, until it is settled, whatever happens to the bytes."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headwater.spool import Gap, Item, Limits, Put, Refusal, SpoolFile, SpoolFull, SpoolTaken, SpoolUnusable

from .examples import item, put, waiting

REFUSAL = Refusal("INVALID_EVENT", "run.runId", "run.runId is missing")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spools" / "operator.spool"


@pytest.fixture
def file(path: Path) -> Iterator[SpoolFile]:
    with SpoolFile(path, Limits(max_bytes=10_000, max_dead_letter_bytes=1_000)) as opened:
        yield opened


def change(path: Path, statement: str) -> None:
    """Changes the database behind the spool's back."""
    database = sqlite3.connect(path)
    with database:
        database.execute(statement)
    database.close()


def test_what_was_put_is_there_after_opening_again(path: Path) -> None:
    whole = Item(b"\x00event", "run \ud800", droppable=True, context=b"beside")
    with SpoolFile(path) as file:
        put(file, whole)
    with SpoolFile(path) as file:
        (kept,) = file.peek(10, 1000)
        assert kept.item == whole
        assert file.figures.depth == 1
        assert file.figures.size == whole.size


def test_items_come_in_the_order_in_which_they_were_put(file: SpoolFile) -> None:
    put(file, item("1"), item("2", "s"))
    put(file, item("3"))
    assert waiting(file) == ["1", "2", "3"]


def test_a_batch_holds_no_more_than_asked_for_but_one_at_least(file: SpoolFile) -> None:
    put(file, *(item(str(number), size=1000) for number in range(4)))
    assert len(file.peek(3, 10_000)) == 3
    assert len(file.peek(10, 2000)) == 2
    assert len(file.peek(10, 1)) == 1


def test_what_is_settled_leaves_and_what_is_refused_is_a_dead_letter(file: SpoolFile) -> None:
    put(file, item("1"), item("2"), item("3"))
    batch = file.peek(2, 1000)
    file.settle(batch, {batch[1].number: REFUSAL})
    assert waiting(file) == ["3"]
    (letter,) = file.dead_letters()
    assert (letter.item, letter.refusal) == (item("2"), REFUSAL)
    figures = file.figures
    assert (figures.depth, figures.delivered, figures.rejected, figures.dead_letters) == (1, 1, 1, 1)
    assert figures.size == item("3").size


def test_counts_outlive_the_process(path: Path) -> None:
    with SpoolFile(path) as file:
        put(file, item("1"), item("2"))
        batch = file.peek(2, 1000)
        file.settle(batch, {batch[0].number: REFUSAL})
        before = file.figures
    with SpoolFile(path) as file:
        assert file.figures == before


def test_the_oldest_dead_letters_make_room_for_new_ones(file: SpoolFile) -> None:
    for number in range(5):
        put(file, item(str(number), size=400))
        (kept,) = file.peek(1, 1)
        file.settle([kept], {kept.number: REFUSAL})
    assert [letter.item for letter in file.dead_letters()] == [item(str(number), size=400) for number in (2, 3, 4)]
    assert (file.figures.rejected, file.figures.forgotten) == (5, 2)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("UPDATE items SET event = x'00' || event WHERE number = 2", id="bytes of the event"),
        pytest.param("UPDATE items SET context = x'00' WHERE number = 2", id="bytes beside it"),
        pytest.param("UPDATE items SET event = 'text' WHERE number = 2", id="a type"),
        pytest.param("UPDATE items SET run = CAST(x'ff' AS TEXT) WHERE number = 2", id="a text that is none"),
        pytest.param("UPDATE items SET milliseconds = 'now' WHERE number = 2", id="a time"),
        pytest.param("UPDATE items SET size = 1 WHERE number = 2", id="a size"),
        pytest.param("UPDATE items SET droppable = 1 WHERE number = 2", id="whether it may be dropped"),
    ],
)
def test_a_damaged_item_is_set_aside_and_the_others_go_on(path: Path, damage: str) -> None:
    with SpoolFile(path) as file:
        put(file, item("1"), item("2"), item("3"))
    change(path, damage)
    with SpoolFile(path) as file:
        assert waiting(file) == ["1", "3"]
        (letter,) = file.dead_letters()
        assert letter.refusal.reason == "CORRUPTED"
        assert (file.figures.depth, file.figures.corrupted, file.figures.rejected) == (2, 1, 0)


def test_damaged_items_alone_are_an_empty_line(path: Path) -> None:
    with SpoolFile(path) as file:
        put(file, *(item(str(number)) for number in range(5)))
    change(path, "UPDATE items SET checksum = 0")
    with SpoolFile(path) as file:
        assert file.peek(2, 1000) == []
        assert (file.figures.depth, file.figures.corrupted, file.figures.oldest_seconds) == (0, 5, 0)


def test_what_a_damaged_file_still_holds_is_rescued(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SpoolFile(path) as file:
        put(file, *(item(str(number), size=1000) for number in range(1000)))
    contents = bytearray(path.read_bytes())
    middle = len(contents) // 2 // 4096 * 4096
    contents[middle : middle + 4096] = bytes(4096)
    path.write_bytes(contents)
    with SpoolFile(path) as file:
        found = [int(text) for text in waiting(file)]
        put(file, item("new"))
    assert 990 < len(found) < 1000
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0, 999)
    assert "operator.spool.damaged-" in caplog.text
    assert len([*path.parent.glob("*.damaged-*")]) == 1


@pytest.mark.parametrize(("found", "number"), [(b"\x01", b"\x63"), (b"\x02", b"\x00")], ids=["too great", "zero"])
def test_a_line_whose_numbers_are_damaged_goes_on(
    path: Path, found: bytes, number: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with SpoolFile(path) as file:
        put(file, *(item(str(number)) for number in range(5)))
    change_row_number(path, found, number)
    with SpoolFile(path) as file:
        assert sorted(waiting(file)) == ["0", "1", "2", "3", "4"]
        kept = file.peek(100, 10**6)
        file.settle(kept[:-1], {kept[0].number: REFUSAL})
        assert file.peek(100, 10**6) == kept[-1:]
    assert "behind number" in caplog.text


def change_row_number(path: Path, found: bytes, number: bytes) -> None:
    """Changes the number of a row where its page has it, which no statement can."""
    with closing(sqlite3.connect(path)) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'items'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    contents = bytearray(path.read_bytes())
    start = (page - 1) * size
    for position in range(start + 8, start + 8 + 2 * int.from_bytes(contents[start + 3 : start + 5]), 2):
        cell = start + int.from_bytes(contents[position : position + 2])
        if contents[cell + 1 : cell + 2] == found:  # a cell is the length of its row, its number, and the row
            contents[cell + 1 : cell + 2] = number
    path.write_bytes(contents)


def test_a_file_that_is_no_database_is_put_aside(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"something else" * 1000)
    with SpoolFile(path) as file:
        put(file, item("1"))
        assert waiting(file) == ["1"]
    (aside,) = path.parent.glob("*.damaged-*")
    assert aside.read_bytes() == b"something else" * 1000


def test_a_second_owner_is_told_who_has_the_file(file: SpoolFile) -> None:
    with pytest.raises(SpoolTaken, match=r"operator\.spool is in use by .+ \(process \d+ on .+\): stop that, or"):
        SpoolFile(file.path)
    put(file, item("1"))


def test_a_file_is_free_when_its_owner_is_killed(path: Path) -> None:
    script = "import sys, pathlib, headwater.spool as s; f = s.SpoolFile(pathlib.Path(sys.argv[1])); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        with pytest.raises(SpoolTaken, match=f"process {owner.pid} "):
            SpoolFile(path)
        owner.kill()
    SpoolFile(path).close()


def test_a_file_of_a_later_version_is_left_alone(path: Path) -> None:
    SpoolFile(path).close()
    change(path, "PRAGMA user_version = 99")
    with pytest.raises(SpoolUnusable, match="made by a later Headwater"):
        SpoolFile(path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolUnusable, match=r"cannot be opened: .*File exists"):
        SpoolFile(tmp_path / "file" / "x.spool")


def test_without_room_the_new_droppable_items_are_dropped_and_the_others_kept(file: SpoolFile) -> None:
    put(file, item("old", size=8000))
    dropped = put(
        file,
        item("1", size=900, droppable=True),
        item("2", size=1000),
        item("3", size=900, droppable=True),
    )
    assert dropped == 1
    assert waiting(file) == ["old", "1", "2"]
    assert file.figures.dropped == 1


def test_the_newest_droppable_items_make_room_for_one_that_may_not_be_dropped(file: SpoolFile) -> None:
    put(file, *(item(str(number), droppable=number % 2 == 1, size=2000) for number in range(5)))
    assert put(file, item("new", size=2000)) == 0
    assert waiting(file) == ["0", "1", "2", "4", "new"]
    assert file.figures.dropped == 1


def test_what_is_on_its_way_is_not_dropped(file: SpoolFile) -> None:
    put(file, *(item(str(number), droppable=True, size=2000) for number in range(5)))
    batch = file.peek(4, 10_000)
    put(file, item("new", size=2000))
    with pytest.raises(SpoolFull):
        put(file, item("newer", size=2000))
    file.settle(batch, {})
    assert waiting(file) == ["new"]
    assert (file.figures.delivered, file.figures.dropped) == (4, 1)


def test_where_nothing_may_be_dropped_the_caller_hears_no(file: SpoolFile) -> None:
    put(file, item("1", size=9000))
    with pytest.raises(SpoolFull, match=r"no room for 2,000 bytes: 9,000 of 10,000 bytes wait for the server"):
        put(file, item("2", droppable=True), item("3", size=2000))
    assert waiting(file) == ["1"]
    assert file.figures.dropped == 0


def test_one_put_that_has_no_room_does_not_touch_its_neighbours(file: SpoolFile) -> None:
    outcomes = file.put([Put([item("1")]), Put([item("2", size=20_000)]), Put([item("3")])])
    assert [type(outcome) for outcome in outcomes] == [int, SpoolFull, int]
    assert waiting(file) == ["1", "3"]


def test_a_gap_is_remembered_until_it_is_told(path: Path) -> None:
    limits = Limits(max_bytes=1000)
    with SpoolFile(path, limits) as file:
        put(file, item("1", size=900))
        put(file, item("2", size=200, droppable=True), item("3", size=200, droppable=True))
        put(file, item("4", size=200, droppable=True))
    with SpoolFile(path, limits) as file:
        (gap,) = file.gaps()
        assert gap.dropped == 3
        assert 0 < gap.since_milliseconds <= gap.until_milliseconds
        put(file, item("5", size=200, droppable=True))
        assert [each.dropped for each in file.gaps()] == [3, 1]
        file.tell(gap, item("gap"))
        assert [each.dropped for each in file.gaps()] == [1]
        assert waiting(file) == ["1", "gap"]
        assert (file.figures.gaps, file.figures.dropped) == (1, 4)


def test_a_full_disk_keeps_nothing_and_says_so(path: Path) -> None:
    def connect(path: Path) -> sqlite3.Connection:
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA max_page_count = 30")
        return database

    with SpoolFile(path, connect=connect) as file:
        put(file, item("1", size=4000))
        with pytest.raises(SpoolFull, match="the disk is full"):
            put(file, item("2"), item("3", size=400_000))
        assert waiting(file) == ["1"]
        file.settle(file.peek(1, 1), {})
        put(file, item("4"))
        assert (waiting(file), file.figures.depth) == (["4"], 1)


def test_what_takes_bytes_is_counted_as_what_it_takes(path: Path) -> None:
    with SpoolFile(path) as file:
        for _ in range(20):
            put(file, *(item("x", size=1300) for _ in range(100)))
        counted = file.figures.size
    assert 0.8 < path.stat().st_size / counted < 1.25


def test_a_spool_that_is_deleted_leaves_nothing(file: SpoolFile) -> None:
    put(file, item("1"))
    file.delete()
    assert [*file.path.parent.iterdir()] == []


def test_what_another_spool_had_to_say_is_inherited(file: SpoolFile, tmp_path: Path) -> None:
    with SpoolFile(tmp_path / "other.spool", Limits(max_bytes=300)) as other:
        put(other, item("1"), item("2", size=250, droppable=True))
        (kept,) = other.peek(1, 1)
        other.settle([kept], {kept.number: REFUSAL})
        file.inherit(other.dead_letters(), other.gaps(), other.figures)
    assert [letter.refusal for letter in file.dead_letters()] == [REFUSAL]
    assert file.gaps() == [Gap(1, 1, file.gaps()[0].since_milliseconds, file.gaps()[0].until_milliseconds)]
    assert (file.figures.rejected, file.figures.dropped, file.figures.dead_letters) == (1, 1, 1)
