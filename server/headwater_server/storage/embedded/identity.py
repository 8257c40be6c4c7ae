"""As whom PostgreSQL's programs run. It refuses root, and no user may be added and no one's folder opened for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import sys
from enum import Enum
from pathlib import Path
from typing import IO

from . import launch
from .errors import EmbeddedPostgresError

ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}
"""All of it: PGPORT, PGDATA and their like would change what the programs do."""


class Identity(Enum):
    """As whom the programs run."""

    SELF = "self"
    """As the user of the server."""
    NAMESPACE = "namespace"
    """As the user of the server, looking like nobody in a user namespace; the files stay the user's."""
    NOBODY = "nobody"
    """As nobody, who then owns the data; where user namespaces are forbidden."""

    @property
    def owner(self) -> int:
        """Who owns the files, as a user id outside of any namespace of ours."""
        return launch.NOBODY if self is Identity.NOBODY else os.geteuid()


async def choose_identity(postgres: str) -> Identity:
    """As whom this program can run; raises EmbeddedPostgresError."""
    refusals = []
    for identity in _candidates():
        error = await run(identity, postgres, "--version")
        if error is None:
            return identity
        refusals.append(f"as {identity.value}: {error}")
    raise EmbeddedPostgresError(
        f"{postgres} can be run in no way ({'; '.join(refusals)}); start the server as a user who may run it and is "
        "not root, or use a running PostgreSQL with --dsn"
    )


def _candidates() -> tuple[Identity, ...]:
    """Whom to try, the preferred first. PostgreSQL refuses root, and users without a name."""
    if os.geteuid() == 0:
        return (Identity.NAMESPACE, Identity.NOBODY)
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return (Identity.NAMESPACE, Identity.SELF)
    return (Identity.SELF,)


async def run(identity: Identity, program: str, *arguments: str) -> str | None:
    """Runs a program under an identity to its end; what it said where it failed, else nothing."""
    process = await spawn(identity, program, *arguments, output=asyncio.subprocess.PIPE)
    try:
        _, error = await process.communicate()
    except asyncio.CancelledError:
        # Its children too: they are of its session, which is nobody else's.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    said = error.decode(errors="replace").strip()
    return None if process.returncode == 0 else said or f"ended with {process.returncode}"


async def spawn(
    identity: Identity, program: str, *arguments: str, output: IO[bytes] | int
) -> asyncio.subprocess.Process:
    """Starts a program under an identity, so that it ends with this process and hears nothing of its terminal."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), identity.value),
        *(program, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd="/",
        env=ENVIRONMENT,
        start_new_session=True,
    )


def hand_over(path: Path, identity: Identity) -> None:
    """Makes a folder of ours and all in it belong to the identity, where it does not yet."""
    if os.geteuid() != 0 or path.stat().st_uid == identity.owner:
        return
    for entry in (path, *path.rglob("*")):
        os.chown(entry, identity.owner, -1, follow_symlinks=False)
