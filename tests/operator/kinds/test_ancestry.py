"""What things are called, and whose runs they are below."""

from __future__ import annotations

import pytest

from headwater_operator.kinds.ancestry import parents_of, stable_name, workload_of
from headwater_operator.observation import ObjectRef, Workload

from .objects import ref, uid

JOB, JOB_SET, TRAIN_JOB = "Job.batch", "JobSet.jobset.x-k8s.io", "TrainJob.trainer.kubeflow.org"
EXPERIMENT, TRIAL, WORKFLOW = "Experiment.kubeflow.org", "Trial.kubeflow.org", "Workflow.argoproj.io"
TUNE = (ref(TRIAL, "tune-4hs7k2mw"), ref(EXPERIMENT, "tune"))


@pytest.mark.parametrize(
    ("chain", "name"),
    [
        ([ref(JOB, "train")], "train"),
        ([ref(JOB, "train-x7k2p", generate_name="train-")], "train"),
        ([ref(JOB, "given", generate_name="train-")], "given"),
        ([ref(JOB, "nightly-29384720"), ref("CronJob.batch", "nightly")], "nightly"),
        ([ref("RayJob.ray.io", "r-1"), ref("RayCronJob.ray.io", "r")], "r"),
        ([ref(JOB_SET, "llm"), ref(TRAIN_JOB, "llm")], "llm"),
        (
            [ref(JOB, "llm-x-node-0"), ref(JOB_SET, "llm-x"), ref(TRAIN_JOB, "llm-x", generate_name="llm-")],
            "llm-node-0",
        ),
        ([ref(JOB, "rank"), ref("RayJob.ray.io", "rank")], "rank.job"),
        ([ref(JOB, "pi-9", generate_name="pi-"), ref(WORKFLOW, "etl-1", generate_name="etl-")], "pi"),
        (TUNE, "tune.trial"),
        ([ref(JOB, "tune-4hs7k2mw"), *TUNE], "tune.trial.job"),
        ([ref("PyTorchJob.kubeflow.org", "tune-4hs7k2mw"), *TUNE], "tune.trial.pytorchjob"),
    ],
)
def test_a_name_outlives_the_run(chain: list[ObjectRef], name: str) -> None:
    assert stable_name(chain) == name


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"cron-workflow": "nightly", "workflow-template": "etl"}, "nightly"),
        ({"workflow-template": "etl"}, "etl"),
        ({"cluster-workflow-template": "shared"}, "shared"),
        ({"phase": "Running"}, "manual"),
    ],
)
def test_a_workflow_goes_by_its_template(labels: dict[str, str], name: str) -> None:
    own = {f"workflows.argoproj.io/{key}": value for key, value in labels.items()}

    assert stable_name([ObjectRef(WORKFLOW, "ml", "manual-8x2", uid("w"), own, generate_name="manual-")]) == name


def test_the_workload_is_the_outermost() -> None:
    chain = [ref(JOB, "tune-4hs7k2mw"), *TUNE]

    assert workload_of(chain) == Workload(EXPERIMENT, "tune")


def test_the_parent_is_the_nearest_run_and_the_root_the_outermost() -> None:
    parent, root = parents_of([ref(JOB, "tune-4hs7k2mw"), *TUNE])

    assert parent is not None
    assert root is not None
    assert (parent.job, parent.at, root.job, root.at) == ("tune.trial", 1, "tune", 2)


def test_a_child_names_its_parents_job_as_the_parent_does() -> None:
    parent, _ = parents_of([ref(JOB, "tune-4hs7k2mw"), *TUNE])

    assert parent is not None
    assert parent.job == stable_name(TUNE)


def test_a_schedule_is_no_run() -> None:
    assert parents_of([ref(JOB, "nightly-1"), ref("CronJob.batch", "nightly")]) == (None, None)
