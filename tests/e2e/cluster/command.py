"""Runs other programs quietly, and says what they said when they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

NO_SPACE = "no space left on device"
MORE_SPACE = (
    "Make room, or move the node (HEADWATER_E2E_STATE), what is kept (HEADWATER_E2E_CACHE) or what Go keeps "
    "(GOCACHE, GOMODCACHE)"
)
"""The way out where a disk is full."""


class ClusterError(Exception):
    """Something that the person who runs the tests has to know: what failed, why, and the way out."""


def run(*command: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Runs a program and gives its output.

    Raises:
        ClusterError: it is not there, or it failed; with what it said.
    """
    try:
        done = subprocess.run(
            command, cwd=cwd, env=os.environ | dict(environment or {}), capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise ClusterError(f"{command[0]}: no such program") from error
    if done.returncode:
        said = f"{done.stdout}{done.stderr}".strip()[-4000:]
        way_out = f"\n{MORE_SPACE}" if NO_SPACE in said.lower() else ""
        raise ClusterError(f"{' '.join(map(str, command[:4]))} … failed with {done.returncode}:\n{said}{way_out}")
    return done.stdout.strip()


def say(text: str) -> None:
    """Tells the person at the terminal what is going on."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
