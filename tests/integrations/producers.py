"""Runs the producers of the integration tests, each set up to send its events to a server.

The tests ask what came of it; nothing here knows how a question is put.
"""

import shutil
from pathlib import Path

from .environments import HERE, Environment
from .questions import Server


def run_dbt(dbt: Environment, server: Server, folder: Path, *, namespace: str, options: tuple[str, ...] = ()) -> str:
    """Seeds and runs the shop in a database of its own, and returns the database's namespace."""
    project = folder / "shop"
    shutil.copytree(HERE / "dbt" / "shop", project)
    database = folder / "shop.duckdb"
    settings = _speaking_to(server, namespace) | {
        "DBT_PROFILES_DIR": str(project),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "0",
        "SHOP_DATABASE": str(database),
    }
    for command in (("dbt", "seed"), ("dbt-ol", "run", *options)):
        assert dbt.run(*command, cwd=project, settings=settings) == 0
    return f"duckdb://{database}"


def run_airflow(airflow: Environment, server: Server, folder: Path, *, namespace: str) -> Path:
    """Runs the DAG that ends well and the one that fails, and returns the folder of their files."""
    files = folder / "files"
    files.mkdir()
    (files / "orders.csv").write_text("12\n3\n99\n")
    dags = folder / "dags"
    shutil.copytree(HERE / "airflow" / "dags", dags)
    settings = _speaking_to(server, namespace) | {
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "SALES_FILES": str(files),
    }
    assert airflow.run("airflow", "db", "migrate", cwd=folder, settings=settings) == 0
    assert airflow.run("airflow", "dags", "test", "sales", cwd=folder, settings=settings) == 0
    assert airflow.run("airflow", "dags", "test", "refunds", cwd=folder, settings=settings) == 1
    return files


def _speaking_to(server: Server, namespace: str) -> dict[str, str]:
    """Returns what any OpenLineage client understands; a proxy for the rest of the world must not stand in between."""
    return {
        "OPENLINEAGE_URL": server.http_url,
        "OPENLINEAGE_NAMESPACE": namespace,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
