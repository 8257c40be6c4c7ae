"""Which Kubernetes `make e2e` takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from .kind import Kind
from .target import GivenCluster, OwnNode, choose_target, find_engine


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


@pytest.mark.parametrize(("status", "found"), [(0, "docker"), (1, None)])
def test_an_engine_is_one_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, found: str | None
) -> None:
    program = tmp_path / "docker"
    program.write_text(f"#!/bin/sh\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_engine() == found
