"""Airflow, with its own OpenLineage provider, tells a server what its tasks read and write and how they ended."""

from pathlib import Path

import pytest

from .environments import Environment, environment
from .producers import run_airflow
from .questions import Server, parents, runs, upstream

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def airflow() -> Environment:
    return environment("airflow")


@pytest.fixture(scope="module")
def files(airflow: Environment, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the files that two DAGs read and wrote."""
    return run_airflow(airflow, server, tmp_path_factory.mktemp("airflow"), namespace="shop-airflow")


def test_a_declared_and_an_observed_task_make_one_chain_of_files(server: Server, files: Path) -> None:
    assert upstream(server, f"file/{files}/report.csv") == {f"{files}/totals.csv", f"{files}/orders.csv"}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("task", ["sum_up", "publish"])
def test_each_task_succeeded_within_the_run_of_its_dag(server: Server, task: str) -> None:
    assert runs(server, f"shop-airflow/sales.{task}") == ["SUCCEEDED"]
    assert parents(server, f"shop-airflow/sales.{task}") == {"sales"}


@pytest.mark.usefixtures("files")
def test_a_dag_of_which_only_the_end_was_reported_succeeded(server: Server) -> None:
    assert runs(server, "shop-airflow/sales") == ["SUCCEEDED"]


@pytest.mark.usefixtures("files")
def test_a_task_that_raises_failed_and_so_did_its_dag(server: Server) -> None:
    assert runs(server, "shop-airflow/refunds.pay_out") == ["FAILED"]
    assert runs(server, "shop-airflow/refunds") == ["FAILED"]
    assert parents(server, "shop-airflow/refunds.pay_out") == {"refunds"}


def test_what_a_failed_task_meant_to_write_is_downstream_of_what_it_meant_to_read(server: Server, files: Path) -> None:
    assert upstream(server, f"file/{files}/refunds.csv") == {f"{files}/totals.csv", f"{files}/orders.csv"}
