"""The power is cut at any write: what the spool took is there, in order, and the file is whole."""

import os
import random
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from headwater.spool import SpoolFile, SpoolUnusable

from .examples import item, put, waiting

apsw = pytest.importorskip("apsw", reason="apsw gives SQLite a storage whose power can be cut")

TRIALS = int(os.environ.get("HEADWATER_TORTURE_POWER_CUTS", "60"))


class Trial(NamedTuple):
    """Is what one power cut left."""

    held: list[str]
    """What the spool took and was not told to let go of."""

    found: list[str]
    is_whole: bool

    @property
    def lost(self) -> int:
        """How much of what it took is not there."""
        return len(set(self.held) - set(self.found))


class Weaker:
    """Is a connection that does not sync each commit."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str, *parameters: Any) -> Any:
        return self._connection.execute(sql.replace("synchronous = FULL", "synchronous = NORMAL"), *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def put_until_the_power_is_cut(path: Path, connect: Any, dice: random.Random) -> list[str]:
    """Opens a spool, puts, peeks and settles until the power is gone; gives what the spool must hold."""
    held: list[str] = []
    number, settling = 0, 0
    with ExitStack() as stack:
        stack.enter_context(suppress(apsw.Error))
        file = stack.enter_context(SpoolFile(path, connect=connect))
        while True:
            names = [str(number + each) for each in range(dice.randint(1, 20))]
            number += len(names)
            put(file, *(item(name, size=dice.randint(200, 6000)) for name in names))
            held += names
            if dice.random() < 0.4:
                batch = file.peek(dice.randint(1, 40), 2**30)
                settling = len(batch)  # where the power goes now, it may have happened or not
                file.settle(batch, {})
                del held[:settling]
                settling = 0
    return held[settling:]


def cut_power(path: Path, seed: int, *, is_weaker: bool = False) -> Trial:
    """Runs one trial. What is left is read with the standard library's SQLite."""
    from .power_cut import Storage, sqlite_finds_no_fault

    dice = random.Random(seed)
    storage = Storage(f"storage-{seed}-{is_weaker}", dice)

    def connect(path: Path) -> Any:
        connection = apsw.Connection(str(path), vfs=storage.name)
        return Weaker(connection) if is_weaker else connection

    storage.cut_power_after(dice.randint(1, 2000) if seed % 4 else dice.randint(1, 40))
    held = put_until_the_power_is_cut(path, connect, dice)
    if not sqlite_finds_no_fault(path):
        return Trial(held, [], is_whole=False)
    try:
        with SpoolFile(path) as file:
            return Trial(held, waiting(file), is_whole=file.figures.corrupted == 0)
    except SpoolUnusable:
        return Trial(held, [], is_whole=False)


@pytest.mark.timeout(120 + 5 * TRIALS)
def test_no_power_cut_loses_what_the_spool_took(tmp_path: Path) -> None:
    trials = [cut_power(tmp_path / str(seed) / "a.spool", seed) for seed in range(TRIALS)]
    held, lost = sum(len(trial.held) for trial in trials), sum(trial.lost for trial in trials)
    print(f"{TRIALS} power cuts, {held} events held, {lost} lost, {sum(not t.is_whole for t in trials)} files damaged")  # noqa: T201 (the count is what one wants to know)
    assert lost == 0
    assert all(trial.is_whole for trial in trials)
    assert all(trial.found == sorted(trial.found, key=int) for trial in trials)


def test_such_a_cut_does_lose_what_is_not_synced(tmp_path: Path) -> None:
    trials = [cut_power(tmp_path / str(seed) / "a.spool", seed, is_weaker=True) for seed in range(10)]
    assert sum(trial.lost for trial in trials) > 0
