"""Events that come while something else happens: from clients that try again, and from a Job that has the emitter."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from headwater import HeadwaterError, NotFound, Settings, SyncClient
from headwater.names import JobName
from headwater.v1.catalog_pb2 import RunState

from .kubernetes_access import PATIENCE_SECONDS, Namespace, Object, has_condition, has_ended, kubectl
from .lineage_pipelines import RESOURCE, job, pipeline
from .release import CLUSTER, FULL_NAME, Release
from .running_webhook import OPT_IN
from .waiting import until

SENDERS = 4
PAUSE_SECONDS = 0.05
SENT_AFTERWARDS = 20
"""How many events come before what follows upon something is counted."""
JOB = ("load", "steady")
SCRIPT = """
import os, time
from datetime import datetime, timezone
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.uuid import generate_new_uuid

client, job = OpenLineageClient(), Job(os.environ["OPENLINEAGE_NAMESPACE"], "fit")
while not os.path.exists("/tmp/enough"):
    run, now = Run(str(generate_new_uuid())), datetime.now(timezone.utc).isoformat()
    about = {"run": run, "job": job, "outputs": [OutputDataset("s3://models", "churn")], "producer": "https://example.com"}
    client.emit(RunEvent(eventTime=now, eventType=RunState.COMPLETE, **about))
    print("emitted", run.runId, flush=True)
    time.sleep(0.2)
"""
"""A script that knows OpenLineage and nothing of Headwater, and makes runs until it is told that they are enough."""


class Clients:
    """Send events one after the other, each of a run of its own, and remember what they were answered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_enough = threading.Event()
        self._senders = [threading.Thread(target=self._send) for _ in range(SENDERS)]
        self.acknowledged: list[str] = []
        self.failures: list[HeadwaterError] = []
        self.longest_seconds = 0.0

    def __enter__(self) -> Self:
        for each in self._senders:
            each.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_enough.set()
        for each in self._senders:
            each.join()

    def _send(self) -> None:
        with SyncClient(settings=self._settings) as client:
            while not self._is_enough.wait(PAUSE_SECONDS):
                run, began = str(uuid4()), time.monotonic()
                try:
                    client.write_event(completion(run))
                except HeadwaterError as failure:
                    self.failures.append(failure)
                else:
                    self.acknowledged.append(f"runs/{run}")
                self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)


class SteadyJob:
    """A Job that has the emitter, and whose script makes runs until it is told that they are enough."""

    def __init__(self, namespace: Namespace, image: str) -> None:
        self._namespace = namespace
        found = job("steady", image)
        pod = found["spec"]["template"]["spec"]
        pod["containers"][0]["command"] = ["python3", "-c", SCRIPT]
        pod["terminationGracePeriodSeconds"] = 30
        namespace.apply(found)

    def pod(self) -> Object:
        """Its pod."""
        (found,) = self._namespace.pods("job-name=steady")
        return found

    def emitted(self) -> set[str]:
        """The runs that it made until now; none while its pod does not run."""
        try:
            lines = self._namespace.kubectl("logs", "job/steady", "--container", "main").splitlines()
        except AssertionError:
            return set()
        return {f"runs/{line.removeprefix('emitted ')}" for line in lines if line.startswith("emitted ")}

    def finish(self) -> Object:
        """Tells it that they are enough; gives the Job as it ended."""
        self._namespace.kubectl("exec", "job/steady", "--container", "main", "--", "touch", "/tmp/enough")
        return self._namespace.wait_for("batch/v1/Job", "steady", has_ended)


@dataclass
class OngoingLoad:
    """What comes to a release, what its service knows of that, and a team whose Jobs go on beside it."""

    team: Namespace
    image: str
    reader: SyncClient
    clients: Clients
    job: SteadyJob

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._counted = 0

    def a_job_completes(self) -> None:
        """Starts a Job, and sees that it ends well and that the service is told so."""
        name = f"beside-{next(self._numbers)}"
        self.team.apply(job(name, self.image))
        done = self.team.wait_for("batch/v1/Job", name, has_ended)
        assert has_condition("Complete")(done), self.team.kubectl("describe", f"job/{name}")
        self.reported(done)

    def reported(self, done: Object) -> None:
        """Waits until the service has been told of the end of a Job."""

        def told() -> bool:
            try:
                return self.reader.get_run(f"runs/{done['metadata']['uid']}").state == RunState.RUN_STATE_SUCCEEDED
            except NotFound:
                return False

        until(told)

    def counted(self, what: str) -> None:
        """Lets some more come, counts what was acknowledged and what the service knows of it, and prints it.

        Raises:
            AssertionError: something that was acknowledged is lost, or a client gave up.
        """
        sent, made = len(self.clients.acknowledged), len(self.job.emitted())
        until(lambda: len(self.clients.acknowledged) > sent + SENT_AFTERWARDS)
        until(lambda: len(self.job.emitted()) > made + SENT_AFTERWARDS)
        own = JobName(f"k8s://{CLUSTER}/{self.team.name}", "fit")
        emitted = self.job.emitted()
        until(lambda: emitted <= self._known(own), 2 * PATIENCE_SECONDS)
        acknowledged = set(self.clients.acknowledged)
        lost = acknowledged - self._known(JobName(*JOB))
        longest, self.clients.longest_seconds = self.clients.longest_seconds, 0.0
        sys.stdout.write(
            f"\n{what}: {len(acknowledged) - self._counted} events acknowledged to clients, {len(lost)} of all "
            f"{len(acknowledged)} lost, {len(self.clients.failures)} calls failed for good, the longest took "
            f"{longest:.1f} s; {len(emitted)} events of the Job's, all there\n"
        )
        self._counted = len(acknowledged)
        assert not lost
        assert not self.clients.failures, self.clients.failures[0]

    def _known(self, name: JobName) -> set[str]:
        """The names of the runs that the service knows of a job."""
        try:
            return {each.name for each in self.reader.runs(str(name), page_size=1000)}
        except NotFound:
            return set()


@contextmanager
def loaded(release: Release, image: str, host: str, folder: Path) -> Iterator[OngoingLoad]:
    """Lets events come to a release, from clients and from a Job of a team."""
    reader = release.settings(f"{FULL_NAME}-reader", host, folder)
    team = Namespace(f"{release.namespace.name}-team", release.namespace.client)
    kubectl("create", "namespace", team.name)
    try:
        kubectl("wait", "--for=create", "--timeout=60s", "--namespace", team.name, "serviceaccount/default")
        kubectl("label", "namespace", team.name, OPT_IN)
        team.client.resources.invalidate_cache()
        team.apply(pipeline("all", injection={"enabled": True}))
        team.wait_for(RESOURCE, "all", has_condition("Ready"))
        with Clients(release.settings("default", host, folder)) as clients, SyncClient(settings=reader) as asking:
            steady = SteadyJob(team, image)
            until(lambda: len(steady.emitted()) > 0)
            yield OngoingLoad(team, image, asking, clients, steady)
    finally:
        kubectl("delete", "namespace", team.name, "--wait=false")


def completion(run: str) -> Object:
    """An event that tells of a run that has ended well."""
    namespace, name = JOB
    return {
        "eventType": "COMPLETE",
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": "https://example.com/load",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run},
        "job": {"namespace": namespace, "name": name},
        "outputs": [{"namespace": "s3://load", "name": name}],
    }
