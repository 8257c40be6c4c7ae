"""dbt, wrapped by its own OpenLineage command, tells a server how its models and their columns are made."""

import pytest

from .environments import Environment, environment
from .producers import run_dbt
from .questions import Server, field_links, parents, runs, upstream

pytestmark = pytest.mark.timeout(600)

MODELS = ("stg_orders", "customer_orders", "daily_revenue")


@pytest.fixture(scope="module")
def dbt() -> Environment:
    return environment("dbt")


@pytest.fixture(scope="module")
def shop(dbt: Environment, server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The namespace of a database that dbt built, reporting from its results when it had ended."""
    return run_dbt(dbt, server, tmp_path_factory.mktemp("dbt"), namespace="shop-dbt")


@pytest.fixture(scope="module")
def shop_followed_live(dbt: Environment, server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The namespace of a database that dbt built, reporting each statement while it ran."""
    folder = tmp_path_factory.mktemp("dbt-live")
    return run_dbt(dbt, server, folder, namespace="shop-dbt-live", options=("--consume-structured-logs",))


def test_a_join_is_downstream_of_both_seeds_though_dbt_names_them_in_column_lineage_alone(
    server: Server, shop: str
) -> None:
    assert upstream(server, f"{shop}/shop.main.customer_orders") == {
        "shop.main.stg_orders",
        "shop.main_raw.customers",
        "shop.main_raw.orders",
    }


def test_an_aggregate_is_downstream_of_the_view_and_of_the_seed_below_it(server: Server, shop: str) -> None:
    assert upstream(server, f"{shop}/shop.main.daily_revenue") == {"shop.main.stg_orders", "shop.main_raw.orders"}


def test_the_columns_of_a_join_come_from_both_of_its_sides(server: Server, shop: str) -> None:
    assert field_links(server, f"{shop}/shop.main.customer_orders") == {
        ("shop.main.stg_orders#order_id", "order_id"),
        ("shop.main_raw.customers#name", "customer_name"),
        ("shop.main_raw.customers#country", "country"),
        ("shop.main.stg_orders#amount", "amount"),
    }


def test_a_count_comes_from_no_column(server: Server, shop: str) -> None:
    assert field_links(server, f"{shop}/shop.main.daily_revenue") == {
        ("shop.main.stg_orders#ordered_on", "ordered_on"),
        ("shop.main.stg_orders#amount", "revenue"),
    }


def test_revenue_is_traced_through_the_view_to_the_cents_of_the_seed(server: Server, shop: str) -> None:
    assert upstream(server, f"{shop}/shop.main.daily_revenue#revenue") == {
        "shop.main.stg_orders#amount",
        "shop.main_raw.orders#amount_cents",
    }


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("model", MODELS)
def test_each_model_succeeded_within_the_run_of_dbt(server: Server, model: str) -> None:
    job = f"shop-dbt/shop.main.shop.{model}"
    assert runs(server, job) == ["SUCCEEDED"]
    assert parents(server, job) == {"dbt-run-shop"}


@pytest.mark.usefixtures("shop")
def test_the_run_of_dbt_succeeded_and_is_part_of_no_other(server: Server) -> None:
    assert runs(server, "shop-dbt/dbt-run-shop") == ["SUCCEEDED"]
    assert parents(server, "shop-dbt/dbt-run-shop") == set()


def test_models_have_the_same_upstream_when_dbt_is_followed_live(server: Server, shop_followed_live: str) -> None:
    assert upstream(server, f"{shop_followed_live}/shop.main.customer_orders") == {
        "shop.main.stg_orders",
        "shop.main_raw.customers",
        "shop.main_raw.orders",
    }


@pytest.mark.usefixtures("shop_followed_live")
def test_a_statement_runs_within_its_model_and_the_model_within_dbt(server: Server) -> None:
    assert parents(server, "shop-dbt-live/model.shop.stg_orders.sql.1") == {"model.shop.stg_orders"}
    assert parents(server, "shop-dbt-live/model.shop.stg_orders") == {"dbt-run-shop"}
