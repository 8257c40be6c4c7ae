"""Objects of a cluster and pipelines, as the tests need them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from headwater_operator.naming import ClusterNames
from headwater_operator.observation import Job, ObjectRef, Observation, Run, RunState, Workload
from headwater_operator.pipeline.pipeline import Pipeline, parse_pipeline

CLUSTER = ClusterNames("prod")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def uid(name: str) -> str:
    return str(uuid5(UUID(int=0), name))


def pipeline(name: str = "churn", *, day: int = 1, namespace: str = "ml", **spec: Any) -> Pipeline:
    """A pipeline that was made on a day of February."""
    metadata = {
        "namespace": namespace,
        "name": name,
        "uid": uid(name),
        "generation": 1,
        "creationTimestamp": f"2026-02-{day:02}T00:00:00Z",
    }
    return parse_pipeline({"metadata": metadata, "spec": spec})


def ref(kind: str, name: str, **labels: str) -> ObjectRef:
    return ObjectRef(kind, "ml", name, uid(name), labels)


def observed(*chain: ObjectRef, run: Run | None = None, job: str = "train") -> Observation:
    return Observation(chain, Job(job), Workload(chain[-1].kind, job), run)


def a_run(state: RunState = RunState.SUCCEEDED, **facts: Any) -> Run:
    ended = {"ended_at": NOON.replace(minute=30)} if state.is_final else {}
    return Run(UUID(uid("run")), state, NOON, **{**ended, **facts})
