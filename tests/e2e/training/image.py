"""The image of a team that trains models with Kubeflow Pipelines and scikit-learn. Nothing of this project is in it."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from ..cluster.command import run, say
from ..cluster.images import Builder
from ..cluster.layout import CACHE
from ..cluster.programs import only_one
from ..headwater_images import IMAGE_PYTHON, PLATFORMS

HERE = Path(__file__).parent
IMAGE = "localhost/wine-team:1"
"""What the team's pipeline calls it."""
CONTEXT = CACHE / "wine-team"
SOURCES = ("Dockerfile", "requirements.txt", "team", "programs")
MADE_FROM_SOURCE = ("kfp==2.17.0", "kfp-server-api==2.17.3")
"""What is published as sources only, in pure Python, so that its wheel is good for any."""


def team_archive(builder: Builder, ground: str) -> Path:
    """The archive of the image; builds it if these sources were not built yet.

    Raises:
        ClusterError: the wheels cannot be fetched, or the build fails.
    """
    archive = CACHE / "images" / f"wine-team-{_digest()}.tar"
    fetch_wheels()
    with only_one("wine-team"):
        if not archive.exists():
            say(f"building {IMAGE}")
            for name in SOURCES:
                _copy(HERE / name, CONTEXT / name)
            builder.build(IMAGE, HERE / "Dockerfile", CONTEXT, BASE=ground)
            for old in archive.parent.glob("wine-team-*"):
                old.unlink()
            builder.save(IMAGE, archive)
    return archive


def fetch_wheels() -> None:
    """Fetches what the image installs, for the image's Python, if that changed since the last time.

    Raises:
        ClusterError: it cannot be fetched.
    """
    wanted = (HERE / "requirements.txt").read_text()
    folder, stamp = CONTEXT / "wheels", CONTEXT / "wheels.txt"
    with only_one("wine-team"):
        if stamp.exists() and stamp.read_text() == wanted:
            return
        say(f"fetching what {IMAGE} installs")
        stamp.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
        run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, *MADE_FROM_SOURCE)
        platforms = [part for name in PLATFORMS for part in ("--platform", name)]
        options = ("--quiet", "--only-binary", ":all:", "--python-version", IMAGE_PYTHON, *platforms)
        run(*pip, "download", *options, "--find-links", folder, "--dest", folder, "-r", HERE / "requirements.txt")
        stamp.write_text(wanted)


def _copy(source: Path, place: Path) -> None:
    if source.is_dir():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, place)


def _digest() -> str:
    """Names a state of what the image is made of."""
    digest = hashlib.sha256()
    for name in SOURCES:
        found = HERE / name
        for file in sorted(found.rglob("*")) if found.is_dir() else [found]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(HERE)}\n".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]
