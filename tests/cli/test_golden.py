"""What the commands write, whole: stdout, then stderr, then the exit code."""

import shlex

import pytest

from . import example
from .conftest import Headwater
from .golden import check_golden

CALLS = {
    "upstream_tree": "upstream s3://models/churn --output tree",
    "upstream_table": "upstream s3://models/churn",
    "upstream_json": "upstream s3://models/churn --depth 1 --output json",
    "upstream_yaml": "upstream s3://models/churn --exclude-inferred -o yaml",
    "upstream_cut": "upstream s3://models/churn --depth 1 --output tree",
    "upstream_alone": "upstream s3://models/churn --exclude-inferred",
    "upstream_as_of": "upstream s3://models/churn --as-of 2026-11-20T12:00:00+02:00 --output tree",
    "upstream_field": "upstream s3://models/churn#score --output tree",
    "upstream_runs": "upstream s3://models/churn@2 --output tree",
    "upstream_runs_table": "upstream s3://models/churn --level run",
    "downstream_strange_name": "downstream postgres://db:5432/shop.public.users --output tree",
    "search": "search churn",
    "search_limited": "search --limit 2",
    "search_nothing": "search nothing",
    "show_dataset": "show postgres://db:5432/shop.public.users --facets",
    "show_field": "show postgres://db:5432/shop.public.users#email",
    "show_model": "show churn --versions --writes",
    "show_model_json": "show churn --writes -o json",
    "show_version": "show s3://models/churn@1",
    "show_job": "show team/train --versions --runs",
    "show_run": f"show {example.TRAINING}",
    "show_failed_run": f"show {example.FAILED}",
    "show_recipe": f"show {example.TRAINING} --recipe",
    "show_recipe_json": f"show {example.TRAINING} --recipe -o json",
    "show_misfit": "show team/train --writes",
    "runs": "runs team/train",
    "runs_json": "runs team/train --state FAILED -o json",
    "diff_versions": "diff s3://models/churn@1 s3://models/churn@2",
    "diff_equal": "diff churn churn",
    "diff_runs": f"diff {example.FAILED} {example.TRAINING}",
    "diff_times": "diff s3://models/churn --from 2026-11-01",
    "diff_nothing_to_compare": "diff s3://models/churn",
    "pipelines": "pipelines k8s://prod/ml",
    "pipelines_ended": "pipelines --ended",
    "pipelines_json": "pipelines --limit 1 -o json",
    "pipelines_nothing": "pipelines nowhere",
    "pipelines_uncovered": "pipelines --uncovered",
    "pipelines_uncovered_yaml": "pipelines --uncovered -o yaml",
    "pipelines_uncovered_workloads": "pipelines k8s://prod/ml --uncovered --workloads",
    "pipelines_uncovered_nothing": "pipelines nowhere --uncovered",
    "pipelines_show": "pipelines show k8s://prod/ml/churn",
    "pipelines_show_bare_name": "pipelines show churn-old",
    "pipelines_show_json": "pipelines show churn -o json",
    "pipelines_show_ambiguous": "pipelines show twin",
    "pipelines_show_not_found": "pipelines show k8s://prod/ml/nothing",
    "pipelines_show_unknown_name": "pipelines show nothing",
    "pipelines_wrong": "pipelines one two",
    "pipelines_wrong_option": "pipelines --workloads",
    "namespaces": "namespaces",
    "rejected": "rejected",
    "delete": "delete s3://models/churn --at 2026-11-20",
    "undelete": "undelete s3://models/churn",
    "not_found": "show nowhere/nothing",
    "ambiguous": "show users",
    "wrong_time": "upstream churn --as-of 'a while ago'",
}


@pytest.mark.parametrize(("name", "call"), CALLS.items(), ids=CALLS)
def test_a_command_writes_what_it_wrote_before(name: str, call: str, headwater: Headwater) -> None:
    outcome = headwater(*shlex.split(call))
    told = "".join(f"stderr: {line}\n" for line in outcome.err.splitlines())
    check_golden(name, f"$ headwater {call}\n{outcome.out}{told}exit code {outcome.code}\n")


@pytest.mark.parametrize("command", ["", "upstream", "run", "show", "send", "pipelines"])
def test_help_says_what_it_said_before(command: str, headwater: Headwater) -> None:
    outcome = headwater(*command.split(), "--help")
    assert outcome.code == 0
    check_golden(f"help_{command}" if command else "help", outcome.out)
