"""The data directory of the server's own PostgreSQL, and the folder of its socket."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from .errors import EmbeddedPostgresError
from .identity import Identity, hand_over, run
from .launch import NOBODY
from .programs import Programs

SUPERUSER = "headwater"
UNFINISHED = "postgres-unfinished-"
SOCKET = ".s.PGSQL.5432"
MAX_SOCKET_PATH_BYTES = 103
"""How long a socket's path may be: 107 on Linux, 103 on macOS."""


def existing_major(data: Path) -> int | None:
    """The major version that made the data directory; none where there is none yet. Raises EmbeddedPostgresError."""
    if not data.exists():
        return None
    try:
        return int((data / "PG_VERSION").read_text())
    except (OSError, ValueError) as error:
        raise EmbeddedPostgresError(
            f"{data} is no data directory of PostgreSQL ({error}); choose another with --data-dir, or move it away"
        ) from error


async def create_cluster(data: Path, programs: Programs, identity: Identity, *, durable: bool) -> None:
    """Makes a data directory, whole or not at all; raises EmbeddedPostgresError."""
    unfinished = _unfinished_folder(data.parent, identity)
    # Who can reach the socket is trusted: it lies in a folder that only one user can enter. Nobody else is let in.
    arguments = [f"--pgdata={unfinished}", f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C"]
    arguments += ["--auth-local=trust", "--auth-host=reject", "--data-checksums"]
    if not durable:
        arguments.append("--no-sync")
    if error := await run(identity, programs.initdb, *arguments):
        raise EmbeddedPostgresError(
            f"a data directory could not be made in {data.parent} as {identity.value}: {error}; "
            "choose another folder with --data-dir"
        )
    unfinished.rename(data)
    _sync_directory(data.parent)


def _unfinished_folder(home: Path, identity: Identity) -> Path:
    """An empty folder to make a data directory in; those of earlier tries are removed."""
    for left in home.glob(UNFINISHED + "*"):
        shutil.rmtree(left, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=home))
    hand_over(unfinished, identity)
    return unfinished


def socket_folder(data: Path) -> Path:
    """Where the socket of a data directory is: beside it, or among temporary files where its path would not do."""
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    temporary = Path(tempfile.gettempdir(), f"headwater-{digest}")
    for folder in (data.parent / "run", temporary):
        is_short = len(os.fsencode(folder / SOCKET)) <= MAX_SOCKET_PATH_BYTES
        # PostgreSQL takes a list of folders, and a DSN a list of hosts.
        if is_short and not {",", '"'} & set(str(folder)):
            return folder
    return Path("/tmp", temporary.name)  # noqa: S108  its owner and mode are checked before it is used


def prepare_socket_folder(folder: Path, identity: Identity) -> None:
    """Makes a folder that only the identity can enter, with nothing in it; raises EmbeddedPostgresError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    # A folder on a volume that Kubernetes gave to a group hands that group on: a bit beside the nine of its mode.
    is_private = stat.S_IMODE(found.st_mode) & 0o777 == 0o700
    is_ours = found.st_uid in {os.geteuid(), identity.owner} or (os.geteuid() == 0 and found.st_uid == NOBODY)
    if not (stat.S_ISDIR(found.st_mode) and is_private and is_ours):
        raise EmbeddedPostgresError(f"{folder} is not this user's own folder with mode 700; remove it")
    hand_over(folder, identity)
    for entry in folder.iterdir():
        entry.unlink()


def _sync_directory(folder: Path) -> None:
    """Makes a rename in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
