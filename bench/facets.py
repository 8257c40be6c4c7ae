"""The OpenLineage JSON of one job's START and COMPLETE events, with gaps where each run differs.

As producers do, START says when and how the job runs and what it touches; COMPLETE says what the data looks like:
schemas, column lineage and statistics.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from bench.estate import Dataset, Job

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"
Parts: TypeAlias = tuple[dict[str, Json], dict[str, Json], list[Json], list[Json]]
"""Of an event: the facets of the run and of the job, the inputs and the outputs."""

SPEC = "https://openlineage.io/spec"
PRODUCERS = {
    "SPARK": ("https://acme.example/spark", "spark", "4.0.1"),
    "DBT": ("https://acme.example/dbt", "dbt", "1.11.2"),
    "AIRFLOW": ("https://acme.example/airflow", "airflow", "3.1.3"),
}
"""By integration: the producer's URI, the name of its engine and the engine's version."""
GAPS = ("event_time", "run_id", "parent_id", "nominal_time", "rows", "size")
"""What differs from run to run: `<run_id>`, or `"<#rows>"` for a number. `nominal_time` stands in START alone, `rows`
and `size` (bytes) in COMPLETE."""
_GAP = re.compile(f"<({'|'.join(GAPS)})>")


class Template:
    """The JSON text of an event with gaps."""

    def __init__(self, text: str) -> None:
        # Every second piece is the name of a gap.
        pieces = _GAP.split(re.sub('"<#([a-z]+)>"', r"<\1>", text))
        self._pieces = [piece.encode() for piece in pieces]
        self._gaps = [(place, pieces[place]) for place in range(1, len(pieces), 2)]

    def fill(self, values: dict[str, bytes]) -> bytes:
        """The text with these values, by the names of gaps."""
        pieces = self._pieces.copy()
        for place, gap in self._gaps:
            pieces[place] = values[gap]
        return b"".join(pieces)


def render_template(job: Job, inputs: Sequence[Dataset], outputs: Sequence[Dataset], *, complete: bool) -> Template:
    """The event, with gaps where runs of the job differ."""
    producer = PRODUCERS[job.integration][0]
    describe = _describe_completed if complete else _describe_started
    run, facets, input_list, output_list = describe(job, inputs, outputs)
    event: Json = {
        "eventTime": "<event_time>",
        "eventType": "COMPLETE" if complete else "START",
        "producer": producer,
        "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "<run_id>", "facets": run},
        "job": {"namespace": job.namespace, "name": job.name, "facets": facets},
        "inputs": input_list,
        "outputs": output_list,
    }
    return Template(msgspec.json.encode(event).decode())


def _describe_started(job: Job, inputs: Sequence[Dataset], outputs: Sequence[Dataset]) -> Parts:
    producer, engine, version = PRODUCERS[job.integration]
    run: dict[str, Json] = {
        "parent": _parent(job, producer),
        "nominalTime": _facet(producer, "NominalTimeRunFacet", "1-0-1", nominalStartTime="<nominal_time>"),
        "processing_engine": _facet(producer, "ProcessingEngineRunFacet", "1-1-1", name=engine, version=version),
    }
    facets: dict[str, Json] = {
        "jobType": _job_type(job, producer),
        "sql": _facet(producer, "SQLJobFacet", "1-1-0", query=_make_query(inputs, outputs)),
    }
    read: list[Json] = [_dataset(dataset, _data_source(dataset, producer)) for dataset in inputs]
    written: list[Json] = [_dataset(dataset, _data_source(dataset, producer)) for dataset in outputs]
    return run, facets, read, written


def _describe_completed(job: Job, inputs: Sequence[Dataset], outputs: Sequence[Dataset]) -> Parts:
    producer = PRODUCERS[job.integration][0]
    statistics = _facet(producer, "OutputStatisticsOutputDatasetFacet", "1-0-2", rowCount="<#rows>", size="<#size>")
    written: list[Json] = []
    for dataset in outputs:
        facets = _schema(dataset, producer)
        if job.states_columns:
            facets["columnLineage"] = _column_lineage(inputs, dataset, producer)
        written.append({**_dataset(dataset, facets), "outputFacets": {"outputStatistics": statistics}})
    read: list[Json] = [_dataset(dataset, _schema(dataset, producer)) for dataset in inputs]
    return {"parent": _parent(job, producer)}, {"jobType": _job_type(job, producer)}, read, written


def _facet(producer: str, kind: str, version: str, /, **content: Json) -> Json:
    return {"_producer": producer, "_schemaURL": f"{SPEC}/facets/{version}/{kind}.json", **content}


def _parent(job: Job, producer: str) -> Json:
    """All runs of a domain have one parent, so whatever runs them names it alike."""
    parent: Json = {"namespace": "airflow-prod", "name": job.domain}
    return _facet(producer, "ParentRunFacet", "1-1-0", run={"runId": "<parent_id>"}, job=parent)


def _job_type(job: Job, producer: str) -> Json:
    kind = {"processingType": "BATCH", "integration": job.integration, "jobType": "TASK"}
    return _facet(producer, "JobTypeJobFacet", "2-0-4", **kind)


def _make_query(inputs: Sequence[Dataset], outputs: Sequence[Dataset]) -> str:
    columns = ", ".join(f"t0.{field.name}" for field in inputs[0].fields[:4])
    joins = "".join(f" JOIN {dataset.name} t{number} USING (id)" for number, dataset in enumerate(inputs[1:], 1))
    return f"INSERT INTO {outputs[0].name} SELECT {columns} FROM {inputs[0].name} t0{joins} WHERE t0.id % 2 = 0"


def _dataset(dataset: Dataset, facets: dict[str, Json]) -> dict[str, Json]:
    return {"namespace": dataset.namespace, "name": dataset.name, "facets": facets}


def _schema(dataset: Dataset, producer: str) -> dict[str, Json]:
    fields: list[Json] = [{"name": field.name, "type": field.type} for field in dataset.fields]
    return {"schema": _facet(producer, "SchemaDatasetFacet", "1-2-0", fields=fields)}


def _data_source(dataset: Dataset, producer: str) -> dict[str, Json]:
    name = dataset.namespace.partition(":")[0]
    return {"dataSource": _facet(producer, "DatasourceDatasetFacet", "1-0-1", name=name, uri=dataset.namespace)}


def _column_lineage(inputs: Sequence[Dataset], output: Dataset, producer: str) -> Json:
    """Every third field is a copy of a field of one of the inputs, in turn."""
    fields: dict[str, Json] = {}
    for number, field in enumerate(output.fields[::3]):
        source = inputs[number % len(inputs)]
        origin: Json = {
            "namespace": source.namespace,
            "name": source.name,
            "field": source.fields[number % len(source.fields)].name,
            "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}],
        }
        fields[field.name] = {"inputFields": [origin]}
    return _facet(producer, "ColumnLineageDatasetFacet", "1-2-0", fields=fields)
