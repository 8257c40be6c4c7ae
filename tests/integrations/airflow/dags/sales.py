# mypy: ignore-errors
"""Two DAGs over files: `sales` ends well, `refunds` reads what sales wrote and fails.

One task declares what it reads and writes, the next says nothing and is observed while it copies. The observed one
comes last: `airflow dags test` runs all tasks in one process and would repeat what it observed for every later task.
"""

import os
from pathlib import Path

from airflow.sdk import Asset, ObjectStoragePath, dag, task

FILES = Path(os.environ["SALES_FILES"])
ORDERS = FILES / "orders.csv"
TOTALS = FILES / "totals.csv"
REPORT = FILES / "report.csv"
REFUNDS = FILES / "refunds.csv"


@dag(schedule=None)
def sales():
    @task(inlets=[Asset(ORDERS.as_uri())], outlets=[Asset(TOTALS.as_uri())])
    def sum_up():
        TOTALS.write_text(str(sum(int(line) for line in ORDERS.read_text().split())))

    @task
    def publish():
        ObjectStoragePath(TOTALS.as_uri()).copy(ObjectStoragePath(REPORT.as_uri()))

    sum_up() >> publish()


@dag(schedule=None)
def refunds():
    @task(inlets=[Asset(TOTALS.as_uri())], outlets=[Asset(REFUNDS.as_uri())])
    def pay_out():
        raise RuntimeError("the bank is closed")

    pay_out()


sales()
refunds()
