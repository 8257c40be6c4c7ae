"""What a spool can fail with.

SpoolError
├── SpoolTaken        another owner has the file open
├── SpoolFull         there is no room for what may not be dropped
└── SpoolUnusable     the file cannot be opened, read or written
    └── SpoolDamaged  its contents contradict themselves
"""

from pathlib import Path


class SpoolError(Exception):
    """Is any failure of a spool. `str()` names the file, what is wrong and, where there is one, the way out."""


class SpoolTaken(SpoolError):
    """The file has an owner already; `holder` says which."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is in use by {holder or 'another process'}: stop that, or name another file")
        self.path = path
        self.holder = holder


class SpoolFull(SpoolError):
    """There is no room. Nothing of the `put` that raises it is kept."""


class SpoolUnusable(SpoolError):
    """The file cannot be opened, read or written."""


class SpoolDamaged(SpoolUnusable):
    """What the file holds contradicts itself, though SQLite can read it."""
