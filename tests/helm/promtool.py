"""Prometheus's own judge of rules: the one on this machine, or Debian's, unpacked into the tests' cache."""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from ..e2e.cluster.layout import CACHE
from ..e2e.cluster.programs import only_one

PLACE = CACHE / "promtool"
PACKAGE = "prometheus"


@functools.cache
def promtool() -> str:
    """Where it is. PROMTOOL names another; skips the test where there is none and none can be had."""
    if found := os.environ.get("PROMTOOL") or shutil.which("promtool"):
        return found
    with only_one("promtool"):
        if not PLACE.exists():
            _unpack()
    return str(PLACE)


def _unpack() -> None:
    """Takes it out of Debian's package, which is not installed: it would run a Prometheus."""
    if platform.system() != "Linux" or not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        pytest.skip("there is no promtool: install Prometheus, or name it in PROMTOOL")
    with tempfile.TemporaryDirectory() as folder:
        for command in (
            ["apt-get", "download", PACKAGE],
            ["apt-get", "-qq", "update"],
            ["apt-get", "download", PACKAGE],
        ):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if packages := [*Path(folder).glob("*.deb")]:
                break
        else:
            pytest.skip(f"there is no promtool, and Debian's cannot be had: {done.stderr.strip()}")
        subprocess.run(["dpkg-deb", "--extract", str(packages[0]), folder], check=True, capture_output=True)
        unfinished = PLACE.with_suffix(".unfinished")
        shutil.copyfile(Path(folder, "usr", "bin", "promtool"), unfinished)
        unfinished.chmod(0o755)
        unfinished.rename(PLACE)


def judged(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What it says."""
    return subprocess.run([promtool(), *map(str, arguments)], capture_output=True, text=True, check=False)
