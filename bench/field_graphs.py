"""Seeded graphs of fields: from the one field of each root exactly 1,000 fields are reached, the root included.

A component has a root dataset `fields_<k>.root` with the field `f0`, and layers of datasets below it. Each field is
made of one to four fields of the layer before, which its dataset's JobEvent says as column lineage.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from bench.graphs import DATASET_NAMESPACE, JOB_NAMESPACE
from bench.traces import EVENT_SPACING

FIELD_COUNT = 1_000
LAYERS = 5
DATASETS = 10
"""In a layer."""
FIELDS = 20
"""In a dataset; the last one has a field less, for the root has one."""
ROOT = ("root", "f0")
Field = tuple[str, str]
"""A dataset's name in its component, and a path."""


@dataclass(frozen=True, slots=True)
class FieldComponent:
    """A part of a graph of fields."""

    number: int
    sources: dict[Field, tuple[Field, ...]]
    """By field: those that it is made of; none for the root."""

    @property
    def root(self) -> str:
        """The name of the root dataset, in `DATASET_NAMESPACE`."""
        return self.name_dataset(ROOT[0])

    @property
    def link_count(self) -> int:
        """How many links lie between the fields."""
        return sum(map(len, self.sources.values()))

    def name_dataset(self, dataset: str) -> str:
        """The dataset's name in `DATASET_NAMESPACE`."""
        return f"fields_{self.number}.{dataset}"

    def iterate_links(self) -> Iterator[tuple[str, str]]:
        """Names of fields: data flowed from the first to the second."""
        for target, sources in self.sources.items():
            for source in sources:
                yield self.name_field(source), self.name_field(target)

    def name_field(self, field: Field) -> str:
        """A name for the field that no other has."""
        return f"{self.name_dataset(field[0])}/{field[1]}"


def make_field_component(number: int) -> FieldComponent:
    """The component of that number; always the same."""
    rng = random.Random(f"fields/{number}")
    sources: dict[Field, tuple[Field, ...]] = {ROOT: ()}
    before = [ROOT]
    for layer in range(LAYERS):
        fields = [(f"t{layer}_{dataset}", f"f{place}") for dataset in range(DATASETS) for place in range(FIELDS)]
        fields = fields[: FIELD_COUNT - len(sources)]
        for field in fields:
            count = min(len(before), rng.choice((1, 2, 3, 4)))
            sources[field] = tuple(rng.sample(before, count))
        before = fields
    return FieldComponent(number, sources)


def make_field_events(numbers: range, *, start: dt.datetime) -> Iterator[bytes]:
    """The JSON texts of JobEvents that declare the components' links, from that event time on."""
    time = start
    for number in numbers:
        component = make_field_component(number)
        datasets: dict[str, dict[str, tuple[Field, ...]]] = {}
        for (dataset, path), sources in component.sources.items():
            if sources:
                datasets.setdefault(dataset, {})[path] = sources
        for dataset, fields in datasets.items():
            yield _make_job_event(component, dataset, fields, time)
            time += EVENT_SPACING


def _make_job_event(
    component: FieldComponent, dataset: str, fields: dict[str, tuple[Field, ...]], time: dt.datetime
) -> bytes:
    name = component.name_dataset
    read = sorted({source for sources in fields.values() for source, _ in sources})
    columns = {
        path: {
            "inputFields": [
                {"namespace": DATASET_NAMESPACE, "name": name(source), "field": field} for source, field in sources
            ]
        }
        for path, sources in fields.items()
    }
    facet = {
        "_producer": "https://acme.example/graph",
        "_schemaURL": "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json",
        "fields": columns,
    }
    event = {
        "eventTime": time.isoformat(timespec="microseconds"),
        "producer": "https://acme.example/graph",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent",
        "job": {"namespace": JOB_NAMESPACE, "name": f"make_{name(dataset)}"},
        "inputs": [{"namespace": DATASET_NAMESPACE, "name": name(source)} for source in read],
        "outputs": [{"namespace": DATASET_NAMESPACE, "name": name(dataset), "facets": {"columnLineage": facet}}],
    }
    return msgspec.json.encode(event)
