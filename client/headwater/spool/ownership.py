"""Who has a spool file open: one process at a time, by a lock that ends with the process, however it ends.

The lock is on a file beside the spool: SQLite's own locks would be lost if this process closed another descriptor of
the spool file. Needs POSIX.
"""

import fcntl
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

from .errors import SpoolTaken, SpoolUnusable


class Ownership:
    """Holds a spool file for this process. Raises SpoolTaken, or SpoolUnusable where the lock cannot be made."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = self._lock(path)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, _this_process().encode(), 0)
        except OSError as error:
            raise SpoolUnusable(f"{path} cannot be opened: {error.filename or self._path}: {error.strerror}") from None

    def release(self) -> None:
        """Gives the file free; once more does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def remove(self) -> None:
        """Gives the file free, which is no more."""
        self._path.unlink(missing_ok=True)
        self.release()

    def _lock(self, path: Path) -> int:
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still_there(self._path, descriptor):
                    return descriptor
            except BlockingIOError:
                holder = os.pread(descriptor, 500, 0).decode(errors="replace")
                os.close(descriptor)
                raise SpoolTaken(path, holder) from None
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)


def _is_still_there(path: Path, descriptor: int) -> bool:
    """Whether the locked file is the one of that name, and not one that its owner removed meanwhile."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _this_process() -> str:
    program = Path(sys.argv[0] if sys.argv else "").name or "python"
    return f"{program} (process {os.getpid()} on {socket.gethostname()}, since {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ})"
