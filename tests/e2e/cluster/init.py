"""The node's first process: makes its network, starts every component, and starts again whatever ends.

It runs as process 1 in network, mount and process namespaces of its own. What it mounts, its network devices and every
process below it are gone when it is.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from .command import say
from .components import commands
from .layout import CONTAINERD_SOCKET, LOGS, NODE_ADDRESS, SERVICE_ADDRESSES, STATE
from .programs import programs_folder, system_path

PAUSE_BEFORE_RESTART_SECONDS = 1.0


def main() -> None:
    """Prepares the node and looks after its components for as long as it lives."""
    prepare_mounts()
    prepare_network()
    running: dict[int, str] = {}
    for name in commands():
        running[start(name)] = name
        if name == "containerd":
            wait_for(CONTAINERD_SOCKET)
    while True:
        ended, status = os.wait()
        if name := running.pop(ended, ""):
            say(f"{name} ended with {os.waitstatus_to_exitcode(status)}; starting it again")
            time.sleep(PAUSE_BEFORE_RESTART_SECONDS)
            running[start(name)] = name


def prepare_mounts() -> None:
    """Hides the machine's folders that components write to whatever they are told, and lets pods see later mounts."""
    for folder in ("/run", "/var/log", "/var/lib/cni"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    subprocess.run(["mount", "--make-rshared", "/"], check=True)


def prepare_network() -> None:
    """Gives the node an address that pods and processes outside of pods reach alike, and a route to Services."""
    for arguments in (
        "link set lo up",
        "link add node0 type bridge",
        f"addr add {NODE_ADDRESS}/32 dev node0",
        "link set node0 up",
        f"route add {SERVICE_ADDRESSES} dev node0",
    ):
        subprocess.run(["ip", *arguments.split()], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def start(name: str) -> int:
    """Starts a component with its log in `LOGS`, and notes its process id, as the node counts them."""
    path = os.pathsep.join((str(programs_folder()), system_path()))
    with (LOGS / name).open("ab") as log:
        process = subprocess.Popen(
            commands()[name],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": path, "HOME": "/root"},
        )
    (STATE / f"{name}.pid").write_text(str(process.pid))
    return process.pid


def wait_for(path: Path) -> None:
    """Waits until a file is there."""
    while not path.exists():
        time.sleep(0.1)


if __name__ == "__main__":
    main()
