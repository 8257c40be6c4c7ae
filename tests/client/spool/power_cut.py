"""Storage whose power can be cut: of what was written since the last sync, some sectors arrive and others do not."""

import random
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512


class PowerCut(apsw.IOError):
    """Says that there is no power."""


class Storage(apsw.VFS):
    """Is a file system for SQLite, known to it by a name."""

    def __init__(self, name: str, dice: random.Random) -> None:
        self.name = name
        self.dice = dice
        self._left: int | None = None
        self._files: list[StoredFile] = []
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> "StoredFile":  # noqa: N802 (SQLite's name)
        file = StoredFile(self, name, flags)
        self._files.append(file)
        return file

    def cut_power_after(self, writes: int) -> None:
        """Cuts the power after so many writes, truncations and syncs of all files."""
        self._left = writes

    def spend(self) -> None:
        """Counts one of them. Raises PowerCut where there is no power for it."""
        if self._left is None:
            return
        self._left -= 1
        if self._left == 0:
            for file in self._files:
                file.lose()
        if self._left <= 0:
            raise PowerCut


class StoredFile(apsw.VFSFile):
    """Is a file: reads see every write, the disk only those that were synced."""

    def __init__(self, storage: Storage, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self.storage = storage
        self.seen = bytearray(super().xRead(super().xFileSize(), 0))
        self.unsynced: list[tuple[int, bytes | None]] = []

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        return bytes(self.seen[offset : offset + amount])

    def xFileSize(self) -> int:  # noqa: N802
        return len(self.seen)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.storage.spend()
        self.seen.extend(bytes(max(0, offset - len(self.seen))))
        self.seen[offset : offset + len(data)] = data
        self.unsynced.append((offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self.storage.spend()
        del self.seen[size:]
        self.unsynced.append((size, None))

    def xSync(self, flags: int) -> None:  # noqa: N802
        self.storage.spend()
        for offset, data in self.unsynced:
            self._store(offset, data)
        self.unsynced.clear()

    def lose(self) -> None:
        """Leaves on the disk what a power cut may leave: any sectors of what was not synced."""
        for offset, data in self.unsynced:
            if data is None:
                if self.storage.dice.random() < 0.5:
                    self._store(offset, data)
                continue
            for start in range(0, len(data), SECTOR):
                if self.storage.dice.random() < 0.5:
                    self._store(offset + start, data[start : start + SECTOR])

    def _store(self, offset: int, data: bytes | None) -> None:
        if data is None:
            super().xTruncate(offset)
        else:
            super().xWrite(data, offset)


def sqlite_finds_no_fault(path: Path) -> bool:
    """Whether SQLite's own check finds the file whole."""
    database = apsw.Connection(str(path))
    try:
        return database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        database.close()
