"""The cluster that the other tests stand on: it runs pods, and pods reach a server that is none."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from kubernetes.dynamic import DynamicClient

from ..server_process import RunningServer
from .kubernetes_access import Namespace, has_condition
from .lineage_pipelines import job


def test_every_node_is_ready(client: DynamicClient) -> None:
    nodes = client.resources.get(api_version="v1", kind="Node").get().to_dict()["items"]
    assert nodes
    assert all(has_condition("Ready")(node) for node in nodes)


def test_a_job_with_a_loaded_image_runs_to_its_end(namespace: Namespace, headwater_image: str) -> None:
    namespace.apply(job("hello", headwater_image, "headwater --version"))
    namespace.wait_for("batch/v1/Job", "hello", has_condition("Complete"))
    assert "headwater" in namespace.kubectl("logs", "job/hello")


def test_a_job_that_fails_is_seen_to_fail(namespace: Namespace, headwater_image: str) -> None:
    namespace.apply(job("broken", headwater_image, "false"))
    namespace.wait_for("batch/v1/Job", "broken", has_condition("Failed"))


def test_a_job_runs_although_its_controller_crashed(
    namespace: Namespace, headwater_image: str, crash: Callable[[str], None]
) -> None:
    crash("kube-controller-manager")
    namespace.apply(job("patient", headwater_image, "true"))
    namespace.wait_for("batch/v1/Job", "patient", has_condition("Complete"))


def test_what_a_pod_reports_is_read_outside(namespace: Namespace, headwater_image: str, server: RunningServer) -> None:
    raw, clean = f"s3://{namespace.name}/raw", f"s3://{namespace.name}/clean"
    to_server = ("--strict", "--address", server.grpc_address)
    flow = ("--job", f"{namespace.name}/copy", "--reads", raw, "--writes", clean)
    namespace.apply(job("copy", headwater_image, shlex.join(["headwater", "run", *to_server, *flow, "--", "true"])))
    namespace.wait_for("batch/v1/Job", "copy", has_condition("Complete"))
    assert raw in headwater("upstream", clean, "--address", server.grpc_address)


def headwater(*arguments: str) -> str:
    """Runs the command line of this checkout and gives what it printed."""
    program = Path(sys.executable).with_name("headwater")
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout
