"""Becomes a program of PostgreSQL that ends when its parent does: `python -I -S launch.py PARENT IDENTITY PROGRAM …`.

This is a script of its own because the server has threads, and Python that runs between a fork and an exec can then
hang. So it imports nothing of the server. Exits with 126 where it cannot become the program.
"""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

NOBODY = 65534
"""Owner of nothing, and known by this number in every Linux image."""
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


def enter_user_namespace() -> None:
    """Makes this process look to itself like nobody, while its files stay those of the user outside; raises OSError."""
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are forbidden here")
    with contextlib.suppress(FileNotFoundError):
        Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


def drop_root() -> None:
    """Becomes nobody for good; raises OSError."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def end_with(parent: int) -> None:
    """Has the kernel ask for a fast shutdown when the parent's thread that started this process ends; Linux only."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent has ended")


def main(parent: str, identity: str, *command: str) -> None:
    """Takes the identity, ties itself to the parent and becomes the command."""
    try:
        {"self": lambda: None, "namespace": enter_user_namespace, "nobody": drop_root}[identity]()
        end_with(int(parent))
        os.umask(0o077)
        os.execv(command[0], command)  # noqa: S606  what to run is the caller's choice
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(126)


if __name__ == "__main__":
    main(*sys.argv[1:])
