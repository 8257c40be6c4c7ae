"""The chart as Helm renders it: with each Helm that is on this machine, and without a cluster."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ..e2e.cluster.layout import CACHE

CHART = Path(__file__).parents[2] / "helm" / "headwater"
SETUPS = sorted(CHART.glob("ci/*-values.yaml"))
SMALLEST = CHART / "ci" / "external-database-values.yaml"
KUBERNETES = "1.34"
RELEASE = "headwater"
NAMESPACE = "lineage"

CUSTOM = (
    "cert-manager.io/v1/Certificate",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "monitoring.coreos.com/v1/ServiceMonitor",
    "postgresql.cnpg.io/v1/Cluster",
)
"""What the cluster knows that the chart is rendered for, beside Kubernetes' own."""

Object = dict[str, Any]


def helms() -> list[str]:
    """Every Helm: that of HELM, or that on the path and those that were built for the tests on a cluster."""
    if given := os.environ.get("HELM"):
        return [given]
    built = [min(places) for name in ("helm", "helm3") if (places := [*CACHE.glob(f"programs/*/{name}")])]
    return [*filter(None, [shutil.which("helm")]), *map(str, built)]


@functools.cache
def helm(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs Helm, away from any cluster and from what its user has set. What ran before is not run again."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": "/nonexistent"}
    command = [program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def template(
    program: str,
    *options: str | Path,
    values: Path = SMALLEST,
    chart: Path = CHART,
    known: Sequence[str] = CUSTOM,
) -> subprocess.CompletedProcess[str]:
    """Renders the chart, with more options, for a cluster that knows these custom resources."""
    given: Sequence[str | Path] = (
        *(RELEASE, chart, "--namespace", NAMESPACE, "--kube-version", KUBERNETES, "--api-versions", ",".join(known)),
        *("--values", values),
    )
    return helm(program, "template", *given, *options)


def rendered(program: str, *options: str | Path, values: Path = SMALLEST, chart: Path = CHART) -> list[Object]:
    """The objects that the chart amounts to."""
    outcome = template(program, *options, values=values, chart=chart)
    assert outcome.returncode == 0, outcome.stderr
    return [each for each in yaml.safe_load_all(outcome.stdout) if each]


def only(objects: Sequence[Object], kind: str, name: str) -> Object:
    """The object of a kind and a name."""
    (found,) = (each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


def pod_specs(objects: Sequence[Object]) -> dict[str, Object]:
    """The specifications of the pods that the objects make or are, by kind and name; claims are volumes, too."""
    found = {}
    for each in objects:
        spec = each.get("spec", {})
        if each["kind"] == "Pod" or "template" in spec:
            pod = spec if each["kind"] == "Pod" else spec["template"]["spec"]
            claims = [{"name": claim["metadata"]["name"]} for claim in spec.get("volumeClaimTemplates", ())]
            found[f"{each['kind']} {each['metadata']['name']}"] = pod | {"volumes": [*pod["volumes"], *claims]}
    return found


def is_of_a_test(each: Object) -> bool:
    """Whether an object is there for `helm test` only."""
    return each["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"


def without_what_differs(objects: Sequence[Object]) -> list[Object]:
    """The objects, sorted, without what each rendering makes anew and what stands in a file of its own."""
    ordered = sorted(objects, key=lambda each: (each["kind"], each["metadata"]["name"], str(each["metadata"])))
    for each in ordered:
        if each["kind"] == "Secret":
            each["data"] = dict.fromkeys(sorted(each["data"]), "(made)")
            if "headwater.dev/signed-by" in each["metadata"].get("annotations", {}):
                each["metadata"]["annotations"]["headwater.dev/signed-by"] = "(made)"
        if each["kind"] == "ConfigMap" and "headwater.json" in each["data"]:
            each["data"]["headwater.json"] = "(files/dashboard.json)"
        for webhook in each.get("webhooks", ()):
            if re.match("LS0t", webhook["clientConfig"].get("caBundle", "")):
                webhook["clientConfig"]["caBundle"] = "(made)"
        if each["kind"] == "CustomResourceDefinition":
            each["spec"] = "(files/lineagepipelines.headwater.dev.yaml)"
    return ordered
