"""What a machine hears that cannot hold a node: why, and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cluster.command import ClusterError, run
from .cluster.machine import check_machine, check_space, control_group_hierarchies, prepare_control_groups


@pytest.mark.parametrize(("system", "user", "reason"), [("darwin", 0, "needs Linux"), ("linux", 1000, "needs root")])
def test_a_machine_that_is_no_home_for_a_node(system: str, user: int, reason: str) -> None:
    with pytest.raises(ClusterError, match=rf"{reason}.*set KUBECONFIG"):
        check_machine(system, user)


def test_a_machine_without_control_groups(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"none are mounted.*set KUBECONFIG"):
        prepare_control_groups("ours", control_group_hierarchies(tmp_path))


def test_a_container_that_may_not_hand_its_controllers_on(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    (tmp_path / "cgroup.subtree_control").mkdir()  # no file can be written there, as the kernel would have it
    with pytest.raises(ClusterError, match=r"making one failed.*all privileges"):
        prepare_control_groups("ours", control_group_hierarchies(tmp_path))


def test_control_groups_of_version_2_hand_their_controllers_on(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    prepare_control_groups("ours", control_group_hierarchies(tmp_path))
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert (tmp_path / "ours").is_dir()


def test_control_groups_of_version_1_have_a_group_for_each_controller(tmp_path: Path) -> None:
    for controller in ("cpu", "memory", "unified"):
        (tmp_path / controller).mkdir()
        (tmp_path / controller / "cgroup.procs").touch()
    (tmp_path / "unified" / "cgroup.controllers").touch()  # of version 2, beside them, with no controller of its own
    prepare_control_groups("ours", control_group_hierarchies(tmp_path))
    assert sorted(path.parent.name for path in tmp_path.glob("*/ours")) == ["cpu", "memory", "unified"]


def test_a_disk_that_is_too_small(tmp_path: Path) -> None:
    check_space({tmp_path: 0.001})
    with pytest.raises(ClusterError, match=r"2000000\.0 GB are needed there.*HEADWATER_E2E_CACHE"):
        check_space({tmp_path / "cache": 1e6, tmp_path / "state" / "of a node": 1e6})


def test_a_disk_that_is_full_all_the_same() -> None:
    with pytest.raises(ClusterError, match="Make room"):
        run("sh", "-c", "echo 'write /tmp/a.out: No space left on device' >&2; exit 1")
