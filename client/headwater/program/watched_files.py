"""Files that are read again when they change, as a kubelet or a person renews them, while the server runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
Stamp = tuple[tuple[int, int, int], ...]

logger = logging.getLogger(__name__)


class UnusableFile(Exception):
    """A file that cannot be read, or says what has no meaning. No problem holds a secret."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        super().__init__("; ".join(f"{path}: {problem}" for problem in problems))
        self.path = path
        self.problems = tuple(problems)


class WatchedFiles(Generic[T]):
    """What some files say together. `parse` reads their contents, in their order.

    Making one raises UnusableFile. Later, files that cannot be used change nothing: what they said last holds, and the
    log says so once. May be asked from any thread.
    """

    def __init__(self, paths: Sequence[Path], parse: Callable[..., T]) -> None:
        self._paths = tuple(paths)
        self._parse = parse
        self._complaint = ""
        self._stamp = self._look()
        self._value = self._read()

    @property
    def value(self) -> T:
        """What the files say now."""
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._value = self._read()
                self._complaint = ""
                logger.info("read again: %s", ", ".join(map(str, self._paths)))
        except UnusableFile as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                logger.error("what was read before still holds: %s", error)
        return self._value

    def _look(self) -> Stamp:
        return tuple(_stamp(path) for path in self._paths)

    def _read(self) -> T:
        return self._parse(*map(read_bytes, self._paths))


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises UnusableFile."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableFile(path, [f"cannot be read ({error.strerror})"]) from None


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise UnusableFile(path, [f"cannot be read ({error.strerror})"]) from None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
