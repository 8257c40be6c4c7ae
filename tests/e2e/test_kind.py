"""How kind and a container engine are called. What stands in for them answers as they document; no cluster is there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from .cluster.command import ClusterError
from .cluster.images import Builder
from .kind import Kind
from .variables import HOST, TARGET

HERE, ELSEWHERE = "127.0.0.1", "203.0.113.1"
"""An address of this machine, and one that is documentation's."""


@dataclass(frozen=True)
class Programs:
    """Programs on the path that note how they are called."""

    folder: Path

    def install(self, name: str, answers: Mapping[str, str]) -> None:
        """Puts one there; it answers command lines that begin with a key, and fails where the answer is empty."""
        cases = "".join(
            f'"{beginning}"*) {f"echo {said!r}" if said else "exit 1"};;\n'
            for beginning, said in answers.items()
            if beginning.startswith(name)
        )
        program = self.folder / name
        program.write_text(
            f'#!/bin/sh\ncall="{name} $*"\necho "$call" >> {self.folder}/calls\ncase "$call" in\n{cases}esac\n'
        )
        program.chmod(0o755)

    def calls(self, beginning: str = "kind") -> list[str]:
        """The command lines so far that begin with this."""
        return [line for line in (self.folder / "calls").read_text().splitlines() if line.startswith(beginning)]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A path on which nothing is yet."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv(HOST, raising=False)
    return Programs(folder)


def a_kind(programs: Programs, engine: str = "docker", **answers: str) -> Kind:
    """Kind with programs that answer like this; spaces of a command line are underscores here."""
    said = {beginning.replace("_", " "): answer for beginning, answer in answers.items()}
    for name in ("kind", "kubectl", engine):
        programs.install(name, said)
    return Kind(engine, lambda _builder, _ground: {"emitter": programs.folder / "image.tar"}, programs.folder)


def test_a_cluster_is_created_loaded_and_deleted(programs: Programs) -> None:
    kind = a_kind(programs)
    kind.start()
    assert kind.load_image("emitter") == "localhost/headwater/emitter:e2e"
    kind.stop()
    kubeconfig = f"--kubeconfig {programs.folder}/kind.conf"
    assert programs.calls() == [
        "kind get clusters",
        f"kind create cluster --name headwater-e2e {kubeconfig} --wait 5m",
        f"kind load image-archive --name headwater-e2e {programs.folder}/image.tar",
        f"kind delete cluster --name headwater-e2e {kubeconfig}",
    ]


def test_a_cluster_that_was_there_is_used_and_stays(programs: Programs) -> None:
    kind = a_kind(programs, kind_get_clusters="headwater-e2e")
    kind.start()
    kind.stop()
    assert [line.split()[1] for line in programs.calls()] == ["get", "export"]


def test_a_cluster_that_does_not_answer_is_named_with_the_way_out(programs: Programs) -> None:
    kind = a_kind(programs, kind_get_clusters="headwater-e2e", kubectl="")
    with pytest.raises(ClusterError, match="does not answer: kind delete cluster --name headwater-e2e"):
        kind.start()


def test_a_cluster_that_could_not_be_made_is_removed(programs: Programs) -> None:
    kind = a_kind(programs, kind_create="")
    with pytest.raises(ClusterError, match="kind create cluster"):
        kind.start()
    kind.stop()
    assert programs.calls()[-1].startswith("kind delete cluster")


def test_without_kubectl_nothing_is_created(programs: Programs) -> None:
    kind = a_kind(programs)
    (programs.folder / "kubectl").unlink()
    with pytest.raises(ClusterError, match="install it"):
        kind.start()


DOCKER = {"IPAM": {"Config": [{"Subnet": "fc00::/64", "Gateway": "fc00::1"}, {"Subnet": "", "Gateway": HERE}]}}
PODMAN = {"subnets": [{"subnet": "fc00::/64", "gateway": "fc00::1"}, {"subnet": "", "gateway": HERE}]}


@pytest.mark.parametrize(("engine", "network"), [("docker", DOCKER), ("podman", PODMAN)])
def test_pods_reach_this_machine_at_the_gateway_of_their_nodes(
    programs: Programs, engine: str, network: dict[str, object]
) -> None:
    found = a_kind(programs, engine, **{f"{engine}_network_inspect_kind": json.dumps([network])}).environment()
    assert (found[TARGET], found[HOST]) == (f"kind:{engine}", HERE)


def test_a_gateway_that_is_in_a_virtual_machine_is_no_address_of_this_machine(programs: Programs) -> None:
    network = json.dumps([{"IPAM": {"Config": [{"Gateway": ELSEWHERE}]}}])
    assert HOST not in a_kind(programs, docker_network_inspect_kind=network).environment()


def test_an_address_that_was_given_counts_more(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOST, ELSEWHERE)
    assert a_kind(programs, docker_network_inspect_kind=json.dumps([DOCKER])).environment()[HOST] == ELSEWHERE


def test_an_image_is_built_without_what_an_archive_may_leave_out(programs: Programs) -> None:
    program = programs.folder / "docker"
    program.write_text(
        f'#!/bin/sh\necho "docker attests: $BUILDX_NO_DEFAULT_ATTESTATIONS" >> {programs.folder}/calls\n'
    )
    program.chmod(0o755)
    Builder(("docker",), (), has_engine=True).build("localhost/x:1", Path("Dockerfile"), Path(os.curdir))
    assert programs.calls("docker") == ["docker attests: 1"]
