"""Jobs of Kubernetes, and the CronJobs that start them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from ..observation import ObjectRef, Observation, RunState
from .adapter import Body, Cluster, Resource
from .kubernetes_facet import images_of, service_account_of
from .reading import created_at, part, read_time, reason, true_condition
from .schedule import Schedule, expressions, limit
from .subject import Life, Subject

_SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class JobAdapter:
    """A Job is a run. Its end is the condition Complete or Failed; those that Kubernetes 1.31 sets before are none."""

    resource = Resource("batch", "v1", "jobs", "Job")

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The Job."""
        one = Subject.of(body, self.resource, owners, cluster)
        pod = part(body, "spec", "template", "spec")
        run = one.run(_life(one), one.flow(), one.facets(images_of(pod), service_account_of(pod)))
        yield one.observe(one.job(), run and replace(run, nominal_time=_nominal_time(one)))


class CronJobAdapter:
    """A CronJob is a workload; its Jobs are the runs."""

    resource = Resource("batch", "v1", "cronjobs", "CronJob")

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The workload."""
        one = Subject.of(body, self.resource, owners, cluster)
        yield one.observe(one.job())

    def schedule(self, body: Body) -> Schedule:
        """When its Jobs start, and which of them it keeps."""
        spec = part(body, "spec")
        return Schedule(
            created=created_at(body),
            last=read_time(part(body, "status").get("lastScheduleTime")),
            expressions=tuple(expressions(spec)),
            zone=str(spec.get("timeZone") or ""),
            keeps_succeeded=limit(spec, "successfulJobsHistoryLimit", 3),
            keeps_failed=limit(spec, "failedJobsHistoryLimit", 1),
            expires=part(spec, "jobTemplate", "spec").get("ttlSecondsAfterFinished") is not None,
        )


def _life(one: Subject) -> Life | None:
    """A suspended Job has no start time, and gets a new one when it goes on."""
    started_at = read_time(one.status.get("startTime"))
    if started_at is None:
        return None
    if failed := true_condition(one.body, "Failed"):
        ended_at = read_time(failed.get("lastTransitionTime"))
        return Life(RunState.FAILED, started_at, ended_at=ended_at, error=reason(failed))
    if complete := true_condition(one.body, "Complete"):
        ended_at = read_time(one.status.get("completionTime") or complete.get("lastTransitionTime"))
        return Life(RunState.SUCCEEDED, started_at, ended_at=ended_at)
    return Life(RunState.RUNNING if one.status.get("ready") else RunState.STARTED, started_at)


def _nominal_time(one: Subject) -> datetime | None:
    return read_time(one.chain[0].annotations.get(_SCHEDULED_AT))
