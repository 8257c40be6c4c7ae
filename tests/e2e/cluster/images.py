"""Images without a registry: ordinary Dockerfiles, built by buildah or a container engine, kept as archives.

A build needs no network: all that it takes is in its context. On the node the ground of every image is a Debian made
with debootstrap; with a container engine it is the same Python from the engine's registry.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .command import run, say
from .layout import CACHE
from .programs import only_one, programs_folder, system_path

DOCKERFILES = Path(__file__).parent / "dockerfiles"
ARCHIVES = CACHE / "images"
PAUSE_IMAGE = "localhost/pause:1"
PYTHON_IMAGE = "localhost/python:3.11"
DEBIAN_RELEASE = "bookworm"
"""Its Python is 3.11."""
PYTHON_PACKAGES = ("python3-minimal", "python3-venv", "ca-certificates")
NOT_NEEDED = ("var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/man", "usr/share/locale")


@dataclass(frozen=True)
class Builder:
    """A program that builds images: `program` with the options that each command gets, and those of a build.

    `has_engine` tells docker and podman, which write an archive with `save`, from buildah, which does with `push`.
    An image gets no attestation of how it was built: docker may leave it out of an archive whose index names it, and
    then no node takes the archive.
    """

    program: tuple[str | Path, ...]
    build_options: tuple[str, ...]
    has_engine: bool

    def build(self, image: str, dockerfile: Path, context: Path, *, target: str = "", **arguments: str) -> None:
        """Builds an image into the builder's own store: the last of the Dockerfile's, or its `target`.

        `arguments` are those that the Dockerfile declares.

        Raises:
            ClusterError: the build failed.
        """
        given = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
        which = ("--target", target) if target else ()
        options = ("--quiet", *self.build_options, *which, *given)
        environment = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        run(*self.program, "build", *options, "-f", dockerfile, "-t", image, context, environment=environment)

    def save(self, image: str, archive: Path) -> None:
        """Writes an image as an archive, which is there only when it is whole."""
        archive.parent.mkdir(parents=True, exist_ok=True)
        unfinished = archive.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        if self.has_engine:
            run(*self.program, "save", "-o", unfinished, image)
        else:
            run(*self.program, "push", "--quiet", image, f"docker-archive:{unfinished}:{image}")
        unfinished.rename(archive)


def buildah() -> Builder:
    """Buildah with a store in the cache; it needs root, no engine and no service."""
    store = CACHE / "containers"
    program = ("buildah", "--root", store / "storage", "--runroot", store / "run")
    return Builder(program, ("--isolation", "chroot", "--network", "host", "--layers"), has_engine=False)


def engine(name: str) -> Builder:
    """A container engine: docker or podman."""
    return Builder((name,), ("--network", "none"), has_engine=True)


def pause_archive() -> Path:
    """The image of the process that holds a pod together."""
    archive = ARCHIVES / f"pause-{programs_folder().name}.tar"
    with only_one("images"):
        if not archive.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as folder:
                shutil.copy(programs_folder() / "pause", folder)
                buildah().build(PAUSE_IMAGE, DOCKERFILES / "pause" / "Dockerfile", Path(folder))
            buildah().save(PAUSE_IMAGE, archive)
    return archive


def python_archive() -> Path:
    """A small Debian with Python: the ground of images for programs in Python. It is in buildah's store, too."""
    archive = ARCHIVES / f"python-{DEBIAN_RELEASE}.tar"
    with only_one("images"):
        if not archive.exists():
            say(f"building {PYTHON_IMAGE}")
            with tempfile.TemporaryDirectory(dir=CACHE) as folder:
                make_root(Path(folder) / "root")
                buildah().build(PYTHON_IMAGE, DOCKERFILES / "python" / "Dockerfile", Path(folder))
            buildah().save(PYTHON_IMAGE, archive)
    return archive


def make_root(root: Path) -> None:
    """Installs a Debian with Python in a folder, without what a container never reads."""
    include = f"--include={','.join(PYTHON_PACKAGES)}"
    run("debootstrap", "--variant=minbase", include, DEBIAN_RELEASE, root, environment={"PATH": system_path()})
    for name in NOT_NEEDED:
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir(parents=True)
    (root / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")
