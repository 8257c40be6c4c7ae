"""Whether this machine can hold a node, asked before anything takes long; and the way out where it cannot."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from .command import MORE_SPACE, ClusterError, run

OTHERWISE = "or start a container engine and install kind, or set KUBECONFIG to a cluster that may be tested on"
NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--mount-proc", "--propagation", "private", "--fork")
"""The beginning of a command line that runs the rest in namespaces of its own, as the node does."""
CONTROL_GROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "memory", "pids")
"""What a kubelet limits pods by."""
GIGABYTE = 10**9


def check_machine(system: str, user: int) -> None:
    """Refuses a machine that is no home for a node.

    Raises:
        ClusterError: it is not Linux, or the user is not root.
    """
    if system != "linux":
        raise ClusterError(f"a node of our own needs Linux, and this is {system}: use a Linux machine, {OTHERWISE}")
    if user != 0:
        raise ClusterError(f"a node of our own needs root, for namespaces and mounts: run this as root, {OTHERWISE}")


def check_kernel(state: Path) -> None:
    """Tries what the node's first process and its containers will need of the kernel; leaves nothing behind.

    Raises:
        ClusterError: namespaces cannot be made, or overlays cannot be mounted where the node's state is.
    """
    privileged = f"in a container, give that one all privileges, {OTHERWISE}"
    try:
        run(*NAMESPACES, "true")
    except ClusterError as error:
        raise ClusterError(
            f"a node of our own needs namespaces, and making them failed: {privileged}\n{error}"
        ) from error
    trial = state / "trial"
    layers = {name: trial / name for name in ("lowerdir", "upperdir", "workdir")}
    for folder in (*layers.values(), trial / "merged"):
        folder.mkdir(parents=True, exist_ok=True)
    options = ",".join(f"{name}={folder}" for name, folder in layers.items())
    try:
        run(*NAMESPACES, "mount", "-t", "overlay", "overlay", "-o", options, trial / "merged")
    except ClusterError as error:
        elsewhere = "let HEADWATER_E2E_STATE name a folder on a disk with ext4 or xfs"
        raise ClusterError(
            f"containers need overlays, and {state} takes none: {elsewhere}; {privileged}\n{error}"
        ) from error
    finally:
        shutil.rmtree(trial)


def control_group_hierarchies(root: Path = CONTROL_GROUPS) -> list[Path]:
    """The roots under which a node has its control groups: one in version 2, one for each controller in version 1."""
    if (root / "cgroup.controllers").exists():
        return [root]
    return [folder for folder in root.glob("*") if (folder / "cgroup.procs").exists() and not folder.is_symlink()]


def prepare_control_groups(group: str, hierarchies: Sequence[Path]) -> None:
    """Makes the group above the pods' groups, and in version 2 lets it have the controllers.

    Raises:
        ClusterError: this machine, or the container that it is, lets nobody make groups.
    """
    way_out = f"in a container, give that one all privileges and control groups of its own, {OTHERWISE}"
    if not hierarchies:
        raise ClusterError(f"pods need control groups, and none are mounted under {CONTROL_GROUPS}: {way_out}")
    for hierarchy in hierarchies:
        try:
            if handed_on := controllers(hierarchy):
                (hierarchy / "cgroup.subtree_control").write_text(" ".join(f"+{each}" for each in handed_on))
            (hierarchy / group).mkdir(exist_ok=True)
        except OSError as error:
            raise ClusterError(f"pods need control groups, and making one failed ({error}): {way_out}") from error


def controllers(hierarchy: Path) -> list[str]:
    """Those that groups in a hierarchy of version 2 get only if they are handed on.

    There are none in a hierarchy of version 1, nor in one of version 2 whose machine gave them all to version 1.
    """
    offered = hierarchy / "cgroup.controllers"
    return [each for each in offered.read_text().split() if each in CONTROLLERS] if offered.exists() else []


def check_space(needs: Mapping[Path, float]) -> None:
    """Refuses disks that are too small; `needs` are gigabytes by folder, added up for folders on one disk.

    Raises:
        ClusterError: a disk has less; with the variables that move what fills it.
    """
    disks: dict[int, list[Path]] = defaultdict(list)
    for folder in needs:
        disks[existing(folder).stat().st_dev].append(folder)
    for folders in disks.values():
        free = shutil.disk_usage(existing(folders[0])).free / GIGABYTE
        needed = sum(needs[folder] for folder in folders)
        if free < needed:
            where = ", ".join(map(str, folders))
            raise ClusterError(f"{where}: {needed:.1f} GB are needed there, and {free:.1f} GB are free. {MORE_SPACE}")


def existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())
