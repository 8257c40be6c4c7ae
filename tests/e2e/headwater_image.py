"""The image of this project: Python with Headwater and what it needs, from wheels.

Wheels are fetched for the image's Python, whatever Python fetches them. An image is built once for each state of the
sources.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from .cluster.command import run, say
from .cluster.images import Builder
from .cluster.layout import CACHE
from .cluster.programs import only_one

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = Path(__file__).parent / "Dockerfile"
SOURCES = ("client", "server", "operator")
IMAGE = "localhost/headwater:e2e"
IMAGE_PYTHON = "3.11"
MACHINE = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
"""The processor as Linux calls it: an image is for Linux wherever it is made."""
PLATFORMS = tuple(f"manylinux{version}_{MACHINE}" for version in ("2014", "_2_17", "_2_28", "_2_34"))
EXTRAS = ("server", "operator", "emitter", "cli")
PRODUCERS = ("openlineage-python>=1.54",)
"""What is in the image beside Headwater: clients of others, for jobs that know nothing of it."""


def headwater_archive(builder: Builder, ground: str) -> Path:
    """The archive of the image; builds it if these sources were not built yet.

    Raises:
        ClusterError: the wheels cannot be fetched, or the build fails.
    """
    archive = CACHE / "images" / f"headwater-{sources_digest()}.tar"
    with only_one("headwater-image"):
        if not archive.exists():
            say(f"building {IMAGE}")
            context = CACHE / "headwater-context"
            provide_dependencies(context / "dependencies")
            build_wheel(context / "headwater")
            builder.build(IMAGE, DOCKERFILE, context, BASE=ground)
            for old in archive.parent.glob("headwater-*"):
                old.unlink()
            builder.save(IMAGE, archive)
    return archive


def build_wheel(folder: Path) -> None:
    """Builds the project's wheel into an empty folder; without the network, so that tests can do it, too."""
    shutil.rmtree(folder, ignore_errors=True)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--check-build-dependencies")
    run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, REPOSITORY)


def provide_dependencies(folder: Path) -> None:
    """Fetches the wheels of everything that the project needs, if its requirements changed since the last time."""
    wanted = requirements()
    stamp = folder.with_suffix(".txt")
    if stamp.exists() and stamp.read_text() == "\n".join(wanted):
        return
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    target = [part for name in PLATFORMS for part in ("--platform", name)]
    pip = (
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--only-binary",
        ":all:",
        "--python-version",
        IMAGE_PYTHON,
    )
    run(*pip, *target, "--dest", unfinished, *wanted)
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    stamp.write_text("\n".join(wanted))


def requirements() -> list[str]:
    """What pyproject.toml asks for: the client's dependencies and those of the extras in the image."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    own = [*project["dependencies"], *(requirement for extra in EXTRAS for requirement in optional.get(extra, ()))]
    return [*own, *PRODUCERS]


def sources_digest() -> str:
    """Names a state of what the image is made of."""
    digest = hashlib.sha256()
    for file in source_files():
        digest.update(f"{file.relative_to(REPOSITORY)}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def source_files() -> Iterator[Path]:
    """The files that the image is made of."""
    yield from (DOCKERFILE, REPOSITORY / "pyproject.toml", REPOSITORY / "README.md", REPOSITORY / "LICENSE")
    for source in SOURCES:
        files = (REPOSITORY / source).rglob("*")
        yield from sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts)
