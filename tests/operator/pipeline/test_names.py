"""What the jobs of a pipeline are called."""

from __future__ import annotations

from headwater_operator.pipeline.coverage import Coverage, JobName

from .cluster_objects import pipeline, ref

JOB = ref("Job.batch", "train-1")


def test_jobs_live_in_the_cluster_and_namespace_unless_a_pipeline_says_otherwise() -> None:
    assert Coverage("prod").job_name("train", [JOB], None) == JobName("k8s://prod/ml", "train")
    assert Coverage("prod").job_name("train", [JOB], pipeline()) == JobName("k8s://prod/ml", "train")


def test_templates_name_the_cluster_namespace_pipeline_kind_and_job() -> None:
    named = pipeline(namespaceName="team-{pipeline}@{cluster}", jobName="{kind}/{namespace}/{name}")
    assert Coverage("prod").job_name("train", [JOB], named) == JobName("team-churn@prod", "Job/ml/train")


def test_braces_in_a_name_are_not_filled_again() -> None:
    assert Coverage("prod").job_name("{kind}", [JOB], pipeline(jobName="x-{name}")).name == "x-{kind}"
