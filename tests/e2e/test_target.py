"""Which Kubernetes `make e2e` takes, and what it says to a machine that can have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cluster.command import ClusterError
from .cluster.node import check_machine
from .target import GivenCluster, Kind, OwnNode, choose_target


def path_with_kind(folder: Path) -> dict[str, str]:
    """An environment where kind is installed."""
    program = folder / "kind"
    program.touch(mode=0o755)
    return {"PATH": str(folder)}


def test_a_kubeconfig_is_taken_before_anything_else(tmp_path: Path) -> None:
    environment = path_with_kind(tmp_path) | {"KUBECONFIG": "/home/me/.kube/config"}
    assert isinstance(choose_target(environment, lambda: "docker"), GivenCluster)


def test_kind_is_taken_where_an_engine_answers(tmp_path: Path) -> None:
    assert isinstance(choose_target(path_with_kind(tmp_path), lambda: "podman"), Kind)


def test_a_command_without_an_engine_is_no_reason_for_kind(tmp_path: Path) -> None:
    assert isinstance(choose_target(path_with_kind(tmp_path), lambda: None), OwnNode)


def test_an_engine_without_kind_leaves_a_node_of_our_own(tmp_path: Path) -> None:
    assert isinstance(choose_target({"PATH": str(tmp_path)}, lambda: "docker"), OwnNode)


@pytest.mark.parametrize(("system", "user", "reason"), [("darwin", 0, "needs Linux"), ("linux", 1000, "needs root")])
def test_a_machine_that_cannot_hold_a_node_hears_why_and_the_way_out(system: str, user: int, reason: str) -> None:
    with pytest.raises(ClusterError, match=rf"{reason}.*set KUBECONFIG"):
        check_machine(system, user)
