"""From the first file to the model: what a team runs today is traced, and none of its programs knows that it is.

Real are the cluster, the service, the operator, the webhook and the emitter, the team's programs, the compiler and the
executor of Kubeflow Pipelines. Its launcher and drivers and Argo's program stand in for ones that need their servers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kubernetes.dynamic import DynamicClient

from headwater import Settings, SyncClient
from headwater.names import JobName
from headwater.v1.catalog_pb2 import Run, RunState

from .crds import apply_crds
from .kubernetes_access import Namespace, Object, has_condition, has_ended, kubectl
from .lineage_pipelines import RESOURCE, job, pipeline
from .release import FULL_NAME, installed
from .running_operator import program
from .running_webhook import OPT_IN
from .target import Target
from .training.compiled_pipeline import CompiledPipeline
from .training.image import HERE, IMAGE, team_archive
from .training.kubeflow_run import Ended, KubeflowRun
from .waiting import until

OWN_NAMESPACE = "e2e-training"
CLUSTER = "kubernetes"
"""What the chart calls the cluster that it is in."""
CA = '{{index .data "ca.crt" | base64decode}}'
FIRST, CLEAN, FEATURES = "landing/wine.csv", "clean/wine.csv", "features/wine.csv"
LAKE = "s3://lake"
KIND = "DATASET_KIND_"
SUCCEEDED = RunState.RUN_STATE_SUCCEEDED
TASKS = tuple(f"wine.{task}" for task in ("importer", "split", "fit", "evaluate"))
PODS = 5
"""Of the team's pods those that run its code: of both Jobs, and of the tasks that are no importer."""
COMPILE = "kfp dsl compile --py pipeline.py --output /tmp/wine.yaml > /dev/null; cat /tmp/wine.yaml"
README = Path(__file__).parents[2] / "README.md"
OF_THE_README = "k8s://prod/wine"
"""What the README calls the team's namespace."""
GOOD = 0.9
"""What share of wines that it never saw a model must know to have been trained."""


@dataclass(frozen=True)
class Service:
    """How a person reaches the service of the cluster."""

    settings: Settings

    def ask(self, *words: str) -> str:
        """What the command line answers."""
        known = {
            "HEADWATER_ADDRESS": str(self.settings.address),
            "HEADWATER_CA_FILE": str(self.settings.ca_file),
            "HEADWATER_TOKEN_FILE": str(self.settings.token_file),
        }
        command = [program("headwater"), *words]
        done = subprocess.run(command, env=os.environ | known, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def client(self) -> SyncClient:
        """A client with the same rights."""
        return SyncClient(settings=self.settings)


@pytest.fixture(scope="module")
def own_namespace(client: DynamicClient) -> Iterator[Namespace]:
    """The namespace of the service."""
    kubectl("create", "namespace", OWN_NAMESPACE)
    yield Namespace(OWN_NAMESPACE, client)
    kubectl("delete", "namespace", OWN_NAMESPACE, "--wait=false")


@pytest.fixture(scope="module")
def service(
    client: DynamicClient,
    own_namespace: Namespace,
    load_image: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The chart, installed as it comes, and the way in that its notes tell a person."""
    apply_crds(client, "Workflow")
    folder = tmp_path_factory.mktemp("reader")
    token, ca = folder / "token", folder / "ca.crt"
    with installed(own_namespace, load_image) as release, release.forwarded("server", 4970) as port:
        reader = ("create", "token", f"{FULL_NAME}-reader", "--audience", "headwater")
        token.write_text(own_namespace.kubectl(*reader))
        secret = ("get", "secret", f"{FULL_NAME}-server-tls", "--output", f"go-template={CA}")
        ca.write_text(own_namespace.kubectl(*secret))
        yield Service(Settings(address=f"localhost:{port}", ca_file=ca, token_file=token))


@pytest.fixture(scope="module")
def team_image(target: Target) -> str:
    """The team's image, which the cluster has."""
    if target.load(team_archive):
        return IMAGE
    pytest.skip(f"images cannot be loaded into this cluster, and the team's pipeline names {IMAGE}")


@dataclass(frozen=True)
class Team:
    """A team at work: its namespace with a volume for buckets, and its image."""

    namespace: Namespace
    image: str

    def run(self, name: str, script: str) -> Object:
        """Runs a Job that sees the buckets; gives it as it ended."""
        found = job(name, self.image, script)
        pod = found["spec"]["template"]["spec"]
        pod["volumes"] = [{"name": "buckets", "persistentVolumeClaim": {"claimName": "buckets"}}]
        pod["containers"][0]["volumeMounts"] = [{"name": "buckets", "mountPath": "/buckets"}]
        pod["terminationGracePeriodSeconds"] = 10
        self.namespace.apply(found)
        done = self.namespace.wait_for("batch/v1/Job", name, has_ended)
        assert has_condition("Complete")(done), self.logs(name)
        return done

    def logs(self, name: str) -> str:
        """What a Job of this name printed."""
        return self.namespace.kubectl("logs", f"job/{name}", "--container", "main")

    def train(self, compiled: CompiledPipeline) -> Ended:
        """Runs a pipeline."""
        return KubeflowRun(self.namespace, compiled, self.image, "buckets").play()


@pytest.fixture
def team(namespace: Namespace, team_image: str) -> Team:
    """A team that nobody traces yet."""
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    namespace.apply(
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "buckets"}, "spec": claim}
    )
    return Team(namespace, team_image)


@pytest.fixture
def first_file(team: Team) -> str:
    """A file that somebody delivered before anything was traced."""
    team.run("deliver", f"python3 deliver.py /buckets/lake/{FIRST}")
    team.namespace.kubectl("delete", "job", "deliver", "--cascade=foreground")
    return f"{LAKE}/{FIRST}"


@pytest.fixture
def compiled(team: Team) -> CompiledPipeline:
    """The team's pipeline as Kubeflow's own compiler makes it, in the team's image."""
    team.run("compile", COMPILE)
    printed = team.logs("compile")
    team.namespace.kubectl("delete", "job", "compile", "--cascade=foreground")
    return CompiledPipeline.parse(printed)


@pytest.fixture
def traced(team: Team, service: Service, first_file: str, compiled: CompiledPipeline) -> Team:
    """The same team, after what a platform's people do for it."""
    team.namespace.kubectl("label", "namespace", team.namespace.name, OPT_IN)
    declared = {"job": "clean", "inputs": [first_file], "outputs": [f"{LAKE}/{CLEAN}"]}
    team.namespace.apply(pipeline("wine", owner="team-wine", declared=[declared], injection={"enabled": True}))
    team.namespace.wait_for(RESOURCE, "wine", has_condition("Ready"))
    return team


@pytest.mark.timeout(600)
def test_the_way_from_the_first_file_to_the_model_is_told_whole(
    traced: Team, service: Service, first_file: str, compiled: CompiledPipeline
) -> None:
    clean = traced.run("clean", f"python3 clean.py /buckets/lake/{FIRST} /buckets/lake/{CLEAN}")
    features = traced.run("features", "python3 features.py")
    trained = traced.train(compiled)
    own = f"k8s://{CLUSTER}/{traced.namespace.name}"
    model = f"{own}/wine/fit/model"
    way = [
        (model, "MODEL"),
        (f"{own}/wine/split/train", "DATASET"),
        (f"{LAKE}/{FEATURES}", "FEATURE_TABLE"),
        (f"{LAKE}/{CLEAN}", "FILE"),
        (first_file, "FILE"),
    ]
    workflow = trained.workflow["metadata"]["uid"]
    with service.client() as client:
        until(lambda: client.get_run(f"runs/{workflow}").state == SUCCEEDED)
        chain = service.ask("upstream", model, "--output", "tree")
        show(chain)
        assert chain.replace(own, OF_THE_README) in README.read_text()
        show(service.ask("upstream", trained.output("fit", "model"), "--output", "tree"))
        assert way_up(service, model) == way
        parents = {"make_features": features["metadata"]["uid"], **dict.fromkeys(TASKS, workflow)}
        told = {name: run_of(client, own, name) for name in ("clean", *parents)}
    assert {run.state for run in told.values()} == {SUCCEEDED}
    assert told["clean"].name == f"runs/{clean['metadata']['uid']}"
    assert {name: told[name].parent for name in parents} == {name: f"runs/{uid}" for name, uid in parents.items()}
    assert said_of(told["wine.fit"], "headwater_content")["metadata"] == {"framework": "scikit-learn"}
    (accuracy,) = said_of(told["wine.evaluate"], "headwater_metrics")["metrics"]
    assert accuracy["name"] == "accuracy"
    assert accuracy["value"] > GOOD
    status = traced.namespace.wait_for(RESOURCE, "wine", lambda found: found["status"].get("injected", 0) > 0)["status"]
    assert status["injected"] <= PODS, "pods are looked at now and then: one that is soon over may not be counted"
    assert status["missedPods"] == 0


def said_of(run: Run, facet: str) -> Object:
    """What a facet says of the run's one output."""
    (output,) = run.outputs
    (found,) = [each.json for each in output.facets if each.name == facet]
    said: Object = json.loads(found)
    return said


def show(text: str) -> None:
    """Prints what a person sees."""
    sys.stdout.write(f"\n{text}")


def way_up(service: Service, address: str) -> list[tuple[str, str]]:
    """The datasets that one was made of, the near ones first, each with its kind."""
    answer = json.loads(service.ask("upstream", address, "--output", "json"))
    nodes = [each for each in answer["nodes"] if each["type"] == "NODE_TYPE_DATASET"]
    nodes.sort(key=lambda each: int(each.get("depth", 0)))
    return [(f"{each['namespace']}/{each['displayName']}", each["datasetKind"].removeprefix(KIND)) for each in nodes]


def run_of(client: SyncClient, namespace: str, name: str) -> Run:
    """The one run of a job."""
    (found,) = client.runs(str(JobName(namespace, name)))
    return client.get_run(found.name, view="FULL")


def test_the_team_knows_nothing_of_this_project() -> None:
    files = [file for file in (HERE / "team").rglob("*") if file.suffix == ".py"]
    assert len(files) == 4
    for file in [*files, HERE / "requirements.txt", HERE / "Dockerfile"]:
        assert "headwater" not in file.read_text().lower(), file
