"""The images of this project, built as `make images` builds them, and that of a workload for the tests.

What they install is fetched before, for the images' Python, whatever Python fetches it; a build needs no network. They
are built once for each state of the sources.
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
DOCKERFILE = REPOSITORY / "Dockerfile"
WORKLOAD_DOCKERFILE = Path(__file__).parent / "Dockerfile"
FILES = ("pyproject.toml", "README.md", "LICENSE")
SOURCES = ("client", "server", "operator")
CONTEXT = CACHE / "context"
REGISTRY = "localhost"
TAG = "e2e"
WORKLOAD = "workload"
TARGETS = ("server", "operator", "emitter")
IMAGES = (*TARGETS, WORKLOAD)
IMAGE_PYTHON = "3.11"
MACHINE = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
"""The processor as Linux calls it: an image is for Linux wherever it is made."""
PLATFORMS = tuple(f"manylinux{version}_{MACHINE}" for version in ("2014", "_2_17", "_2_28", "_2_34"))
PRODUCERS = ("openlineage-python>=1.54",)
"""What is in the workload's image beside Headwater: clients of others, for jobs that know nothing of it."""


def image_name(name: str, registry: str = REGISTRY) -> str:
    """The reference of one of `IMAGES`."""
    return f"{registry}/headwater/{name}:{TAG}"


def image_archives(builder: Builder, ground: str) -> dict[str, Path]:
    """The archives of the images by their names; builds them if these sources were not built yet.

    Raises:
        ClusterError: the wheels cannot be fetched, or a build fails.
    """
    digest = sources_digest()
    archives = {name: CACHE / "images" / f"{name}-{digest}.tar" for name in IMAGES}
    with only_one("headwater-images"):
        if not all(archive.exists() for archive in archives.values()):
            say("building the images of Headwater")
            provide_wheels(CONTEXT / "wheels")
            copy_sources(CONTEXT)
            for name, archive in archives.items():
                build(builder, ground, name)
                for old in archive.parent.glob(f"{name}-*.tar"):
                    old.unlink()
                builder.save(image_name(name), archive)
    return archives


def build(builder: Builder, ground: str, name: str) -> None:
    """Builds one of the images, those that it stands on being built."""
    if name == WORKLOAD:
        (CONTEXT / "workload.txt").write_text("\n".join([*requirements("cli"), *PRODUCERS]))
        builder.build(image_name(name), WORKLOAD_DOCKERFILE, CONTEXT, GROUND=image_name("emitter"))
    else:
        arguments = {"BASE": ground, "PIP_NO_INDEX": "1"}
        builder.build(image_name(name), DOCKERFILE, CONTEXT, target=name, **arguments)


def copy_sources(context: Path) -> None:
    """Gives a build what of the repository it takes."""
    for name in SOURCES:
        shutil.rmtree(context / name, ignore_errors=True)
        shutil.copytree(REPOSITORY / name, context / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(REPOSITORY / name, context)


def provide_wheels(folder: Path) -> None:
    """Fetches the wheels of everything that the project needs, if its requirements changed since the last time."""
    wanted = [*requirements(*TARGETS, "cli"), *PRODUCERS, *_project_file()["build-system"]["requires"]]
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


def requirements(*extras: str) -> list[str]:
    """What pyproject.toml asks for: the client's dependencies and those of the extras."""
    project = _project_file()["project"]
    optional = project["optional-dependencies"]
    return [*project["dependencies"], *(requirement for extra in extras for requirement in optional[extra])]


def sources_digest() -> str:
    """Names a state of what the images are made of."""
    digest = hashlib.sha256()
    for file in source_files():
        digest.update(f"{file.relative_to(REPOSITORY)}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def source_files() -> Iterator[Path]:
    """The files that the images are made of."""
    yield from (DOCKERFILE, WORKLOAD_DOCKERFILE, *(REPOSITORY / name for name in FILES))
    for source in SOURCES:
        files = (REPOSITORY / source).rglob("*")
        yield from sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts)


def _project_file() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
