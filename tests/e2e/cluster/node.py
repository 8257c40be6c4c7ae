"""The node as seen from outside: start it, run commands in its network, load images, end a component, end it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .command import ClusterError, run
from .configuration import CGROUP, storage, write_configuration
from .images import pause_archive
from .keys import make_keys
from .layout import CONTAINERD_SOCKET, KUBECONFIG, LOGS, NODE_ADDRESS, NODE_NAME, STATE
from .machine import NAMESPACES, check_kernel, check_space, control_group_hierarchies, prepare_control_groups
from .programs import programs_folder, provide_programs

REPOSITORY = Path(__file__).parents[3]
INIT = f"{__package__}.init"
PROCESS = STATE / "node.pid"
START_SECONDS = 180
STATE_GIGABYTES = 4
"""What the images take when they are unpacked, and a gigabyte that pods never get: below it they are evicted."""
NAMESPACE_FILES = {"net": "net", "mount": "mnt", "pid": "pid_for_children"}
"""Namespaces as nsenter calls them, and their files below /proc/PROCESS/ns."""


def up() -> None:
    """Starts the node and returns when it takes pods.

    Raises:
        ClusterError: this machine cannot hold it, or it cannot be built or does not start.
    """
    is_up = node_process() is not None
    if not is_up:
        clear_state()
        LOGS.mkdir(parents=True)
        check_kernel(STATE)
        prepare_control_groups(CGROUP, control_group_hierarchies())
        check_space({STATE: STATE_GIGABYTES})
    provide_programs()
    pause = pause_archive()
    if is_up:
        return
    make_keys()
    write_configuration()
    with (LOGS / "init").open("wb") as log:
        process = subprocess.Popen(
            [*NAMESPACES, "--kill-child", sys.executable, "-m", INIT],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    PROCESS.write_text(str(process.pid))
    wait_until("the API server is ready", process, lambda: kubectl("get", "--raw", "/readyz") == "ok")
    load(pause)
    kubectl("apply", "-f", "-", given=storage())
    patience = f"--timeout={START_SECONDS}s"
    kubectl("wait", "--for=create", f"node/{NODE_NAME}", "serviceaccount/default", patience)
    kubectl("wait", "--for=condition=Ready", f"node/{NODE_NAME}", patience)


def wait_until(what: str, process: subprocess.Popen[bytes], holds: Callable[[], bool]) -> None:
    """Waits for a condition for as long as the node lives and has time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except ClusterError:
            pass
        if process.poll() is not None:
            raise ClusterError(f"the node ended before {what}:\n{(LOGS / 'init').read_text()[-2000:]}")
        time.sleep(0.2)
    raise ClusterError(f"{START_SECONDS} s passed before {what}; the components' logs are in {LOGS}")


def down() -> None:
    """Ends every process of the node and removes what it had. Without a node it removes what one left."""
    if process := node_process():
        first = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        handle = os.pidfd_open(int(first[0]) if first else process)
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            # The first process of a namespace is gone only after all the others.
            select.select([handle], [], [])
        finally:
            os.close(handle)
    for hierarchy in control_group_hierarchies():
        remove_control_groups(hierarchy / CGROUP)
    clear_state()


def clear_state() -> None:
    """Removes a node's state; refuses a folder that is not one's."""
    if not STATE.exists() or not any(STATE.iterdir()):
        return
    if not LOGS.exists():
        raise ClusterError(
            f"{STATE} holds something else than a node: let HEADWATER_E2E_STATE name a folder of its own"
        )
    # The logs last: as long as they are there, this folder is known to be a node's.
    for entry in STATE.iterdir():
        if entry.is_dir() and entry != LOGS:
            shutil.rmtree(entry)
        elif entry != LOGS:
            entry.unlink()
    shutil.rmtree(STATE)


def remove_control_groups(group: Path) -> None:
    """Removes an empty tree of control groups. Its files are the kernel's; only folders can be removed."""
    for folder, _, _ in os.walk(group, topdown=False):
        Path(folder).rmdir()


def node_process() -> int | None:
    """The process on this machine that holds the node, if it is up."""
    try:
        process = int(PROCESS.read_text())
        return process if INIT.encode() in Path(f"/proc/{process}/cmdline").read_bytes() else None
    except (FileNotFoundError, ProcessLookupError):
        return None


def inside(*namespaces: str) -> list[str]:
    """The beginning of a command line that runs the rest in some of the node's namespaces."""
    process = node_process()
    if process is None:
        raise ClusterError("the node is not up: python -m tests.e2e.cluster up")
    return ["nsenter", *(f"--{name}=/proc/{process}/ns/{NAMESPACE_FILES[name]}" for name in namespaces), "--"]


def environment() -> dict[str, str]:
    """What a command in the node's network needs to know: where kubectl and helm are, the cluster, its own address."""
    return os.environ | {
        "PATH": f"{programs_folder()}{os.pathsep}{os.environ['PATH']}",
        "KUBECONFIG": str(KUBECONFIG),
        "HEADWATER_E2E_TARGET": "node",
        "HEADWATER_E2E_HOST": NODE_ADDRESS,
    }


def command_inside(command: Sequence[str]) -> list[str]:
    """A command line that runs a command in the node's network; it needs `environment`."""
    return [*inside("net"), *command]


def kubectl(*arguments: str, given: str | None = None) -> str:
    """Runs kubectl as cluster admin and gives its output.

    Raises:
        ClusterError: it failed.
    """
    command = command_inside(["kubectl", *arguments])
    done = subprocess.run(command, env=environment(), input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def load(*archives: Path) -> None:
    """Gives the node images from archives (docker-archive or oci-archive)."""
    for archive in archives:
        ctr = ("ctr", "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io")
        run(*inside("net", "mount", "pid"), *ctr, "images", "import", "--no-unpack", archive.resolve())


def end_component(name: str) -> None:
    """Ends a component as a crash would (SIGKILL); the node's first process starts it again."""
    process = STATE / f"{name}.pid"
    if not process.exists():
        names = sorted(file.stem for file in STATE.glob("*.pid") if file != PROCESS)
        raise ClusterError(f"{name}: the node has no such component; it has {', '.join(names) or 'none: it is not up'}")
    run(*inside("mount", "pid"), "kill", "-KILL", process.read_text())
