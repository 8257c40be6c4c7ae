"""An invented company's jobs and datasets: what the benchmark's traces are about.

Each domain (orders, payments, …) has four layers of datasets. A job reads one to three datasets of the layer below and
writes one or two of its own; every dataset above the raw layer is written by exactly one job, and no link leads back.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable
from dataclasses import dataclass

DOMAINS = ("orders", "payments", "catalog", "shipping", "support", "marketing", "finance", "risk", "identity", "search")
ENTITIES = ("customer", "order", "item", "session", "invoice", "payment", "product", "shipment", "ticket", "campaign")
ATTRIBUTES = ("id", "name", "status", "amount", "created_at", "updated_at", "country", "category", "score", "is_active")
COLUMN_TYPES = ("BIGINT", "VARCHAR(255)", "TIMESTAMP", "NUMERIC(18,4)", "BOOLEAN", "DATE", "DOUBLE PRECISION")
JOBS_PER_DOMAIN = 50
"""How many jobs share a domain, about."""
MAX_FIELDS = 40


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its name, and its type as an engine writes it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset with its schema of the moment: 5 to 40 fields."""

    namespace: str
    name: str
    fields: tuple[Field, ...]

    def with_another_field(self) -> Dataset:
        """The dataset after a change of its schema: one field more, or one less where it is full."""
        if len(self.fields) >= MAX_FIELDS:
            return dataclasses.replace(self, fields=self.fields[:-1])
        added = Field(f"added_{len(self.fields)}", COLUMN_TYPES[len(self.fields) % len(COLUMN_TYPES)])
        return dataclasses.replace(self, fields=(*self.fields, added))


@dataclass(frozen=True, slots=True)
class Job:
    """A job and what it always reads and writes, as places in the estate's list of datasets."""

    namespace: str
    name: str
    integration: str
    domain: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    states_columns: bool
    """Whether its events carry column lineage."""


@dataclass(frozen=True, slots=True)
class Estate:
    """Everything that exists before the first run."""

    datasets: tuple[Dataset, ...]
    jobs: tuple[Job, ...]


def make_estate(*, jobs: int, seed: int = 0) -> Estate:
    """An estate of so many jobs; the same for the same arguments."""
    rng = random.Random(f"estate/{seed}/{jobs}")
    builder = _Builder(rng)
    for start in range(0, jobs, JOBS_PER_DOMAIN):
        builder.add_domain(start // JOBS_PER_DOMAIN, min(JOBS_PER_DOMAIN, jobs - start))
    return Estate(tuple(builder.datasets), tuple(builder.jobs))


def make_domains(numbers: Iterable[int]) -> Estate:
    """The estate of these whole domains. Each is the same whichever others there are, and shares nothing with them."""
    datasets: list[Dataset] = []
    jobs: list[Job] = []
    for number in numbers:
        builder = _Builder(random.Random(f"domain/{number}"))
        builder.add_domain(number, JOBS_PER_DOMAIN)
        first = len(datasets)
        datasets += builder.datasets
        jobs += [
            dataclasses.replace(
                job,
                inputs=tuple(first + place for place in job.inputs),
                outputs=tuple(first + place for place in job.outputs),
            )
            for job in builder.jobs
        ]
    return Estate(tuple(datasets), tuple(jobs))


class _Builder:
    def __init__(self, rng: random.Random) -> None:
        self.datasets: list[Dataset] = []
        self.jobs: list[Job] = []
        self._rng = rng
        self._shared: list[int] = []

    def add_domain(self, number: int, jobs: int) -> None:
        """Adds a domain of so many jobs: raw topics, then files, warehouse tables and marts made of what is below."""
        domain = f"{DOMAINS[number % len(DOMAINS)]}_{number:03d}"
        below = [self._add_dataset(domain, 0) for _ in range(max(2, jobs // 4))]
        for layer, share in ((1, 0.4), (2, 0.35), (3, 0.25)):
            count = round(jobs * share) if layer < 3 else jobs - round(jobs * 0.4) - round(jobs * 0.35)
            outputs = [output for _ in range(count) for output in self._add_job(domain, layer, below)]
            below = outputs or below
        self._shared += below

    def _add_job(self, domain: str, layer: int, below: list[int]) -> tuple[int, ...]:
        inputs = set(self._rng.sample(below, k=min(len(below), self._rng.choice((1, 1, 2, 2, 3)))))
        if self._shared and len(inputs) < 3 and self._rng.random() < 0.05:
            inputs.add(self._rng.choice(self._shared))
        outputs = tuple(self._add_dataset(domain, layer) for _ in range(self._rng.choice((1, 1, 1, 1, 2))))
        integration = ("SPARK", "DBT", "AIRFLOW")[layer - 1]
        table = self.datasets[outputs[0]].name.rsplit(".", 1)[-1].rsplit("/", 1)[-1]
        self.jobs.append(
            Job(
                namespace=f"{integration.lower()}-prod",
                name=f"{domain}.load_{table}",
                integration=integration,
                domain=domain,
                inputs=tuple(sorted(inputs)),
                outputs=outputs,
                states_columns=self._rng.random() < 0.5,
            )
        )
        return outputs

    def _add_dataset(self, domain: str, layer: int) -> int:
        number = len(self.datasets)
        table = f"{self._rng.choice(ENTITIES)}_{('raw', 'clean', 'fact', 'mart')[layer]}_{number:05d}"
        namespace, name = (
            (f"kafka://broker-{domain}:9092", table),
            (f"s3://acme-lake-{domain}", f"clean/{table}"),
            ("postgres://warehouse.acme.example:5432", f"dw.{domain}.{table}"),
            ("snowflake://acme-eu1", f"ANALYTICS.{domain.upper()}.{table.upper()}"),
        )[layer]
        self.datasets.append(Dataset(namespace, name, self._make_fields()))
        return number

    def _make_fields(self) -> tuple[Field, ...]:
        count = min(MAX_FIELDS, 5 + int(self._rng.expovariate(1 / 3)))
        names = self._rng.sample([f"{entity}_{attribute}" for entity in ENTITIES for attribute in ATTRIBUTES], k=count)
        return tuple(Field(name, self._rng.choice(COLUMN_TYPES)) for name in names)
