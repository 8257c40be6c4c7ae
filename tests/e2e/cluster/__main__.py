"""A real one-node Kubernetes on one Linux machine, without a container engine and without an image registry.

It lives in network, mount and process namespaces of its own. Commands that talk to it run through `exec`, where no
other network is: download and build first. Pods pull no images: load them, and set imagePullPolicy to IfNotPresent.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from . import machine, node
from .command import ClusterError
from .images import python_archive
from .layout import LOGS
from .programs import kubernetes_version, programs_folder, provide_programs


def main() -> int:
    """Runs one command; gives its exit status."""
    arguments = parser().parse_args()
    try:
        machine.check_machine(sys.platform, os.geteuid())
        arguments.run(arguments)
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    result = argparse.ArgumentParser(prog="python -m tests.e2e.cluster", description=__doc__)
    commands = result.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, meaning: str, action: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=meaning, description=meaning)
        command.set_defaults(run=action)
        return command

    add("build", "install and build the node's programs; the first time takes a quarter of an hour", build)
    add("up", "start the node", up)
    add("down", "end the node and remove what it had", lambda _: node.down())
    add("base-image", "build a small Debian with Python and print its archive", lambda _: print(python_archive()))
    execute = add("exec", "run a command in the node's network, with KUBECONFIG, kubectl and helm", run_inside)
    execute.add_argument("command", nargs=argparse.REMAINDER, metavar="[--] COMMAND")
    load = add("load", "give the node images from archives", lambda given: node.load(*given.archive))
    load.add_argument("archive", nargs="+", type=Path)
    restart = add("restart", "end a component as a crash would; it is started again", restart_component)
    restart.add_argument("component", help="kube-apiserver, etcd, kubelet, containerd, …")
    return result


def build(_: argparse.Namespace) -> None:
    """Makes the programs and says where they are."""
    provide_programs()
    print(programs_folder())


def up(_: argparse.Namespace) -> None:
    """Starts the node and says how to go on."""
    node.up()
    print(f"Kubernetes {kubernetes_version()} is up, its logs in {LOGS}.")


def run_inside(arguments: argparse.Namespace) -> None:
    """Becomes the command."""
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        raise ClusterError("exec needs a command to run, for example: exec kubectl get pods")
    line = node.command_inside(command)
    os.execvpe(line[0], line, node.environment())


def restart_component(arguments: argparse.Namespace) -> None:
    """Ends one component."""
    node.end_component(arguments.component)


if __name__ == "__main__":
    sys.exit(main())
