"""Reads the language of scenario files: what happened becomes OpenLineage events; see README.md."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

DAY = datetime(2026, 3, 2, tzinfo=UTC)
NAMESPACE = "db"
TEAM = "team"
PRODUCER = "https://example.com/scenario"
DECLARED = "https://headwater.dev/facets/1-0-0/DeclaredDatasetFacet.json#/$defs/DeclaredDatasetFacet"
Mapping = dict[str, Any]


def time_of(text: str) -> datetime:
    """The time that a file means: `10:00`, `2 10:00`, or `now + 3 days`."""
    if ahead := re.fullmatch(r"now \+ (\d+) days", text):
        return datetime.now(UTC).replace(microsecond=0) + timedelta(days=int(ahead[1]))
    day, clock = text.split() if " " in text else ("1", text)
    hours, minutes = clock.split(":")
    return DAY + timedelta(days=int(day) - 1, hours=int(hours), minutes=int(minutes))


def run_id(run: object) -> str:
    """The id of a run that a file calls by a word."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"run {run}"))


def names_of(dataset: str | Mapping) -> tuple[str, str]:
    """The namespace and name of a dataset."""
    if isinstance(dataset, str):
        return NAMESPACE, dataset
    return dataset.get("namespace", NAMESPACE), dataset["name"]


def event_of(said: Mapping) -> bytes:
    """The OpenLineage event that a file tells."""
    event: Mapping = {"eventTime": time_of(said["at"]).isoformat(), "producer": PRODUCER}
    if "dataset" in said:
        event["dataset"] = _dataset(said["dataset"])
        return json.dumps(event).encode()
    event["job"] = {"namespace": TEAM, "name": said["job"], "facets": _job_facets(said)}
    event["inputs"] = [_dataset(dataset) for dataset in said.get("reads", [])]
    event["outputs"] = [_dataset(dataset) for dataset in said.get("writes", [])]
    if "run" in said:
        event["run"] = {"runId": run_id(said["run"]), "facets": _run_facets(said)}
        event["eventType"] = said.get("says", "COMPLETE")
    return json.dumps(event).encode()


def _job_facets(said: Mapping) -> Mapping:
    facets: Mapping = {}
    if "sql" in said:
        facets["sql"] = {"query": said["sql"]}
    if "commit" in said:
        facets["sourceCodeLocation"] = {"type": "git", "url": "https://example.com/repo", "version": said["commit"]}
    if "declares" in said:
        facets["lineage"] = {"entries": [_entry(target, sources) for target, sources in said["declares"].items()]}
    return facets


def _entry(target: str, sources: list[str]) -> Mapping:
    return {"namespace": NAMESPACE, "name": target, "type": "DATASET", "inputs": [_source(name) for name in sources]}


def _source(name: str) -> Mapping:
    return {"namespace": NAMESPACE, "name": name, "type": "DATASET"}


def _run_facets(said: Mapping) -> Mapping:
    facets: Mapping = dict(said.get("facets", {}))
    if "parent" in said:
        job, run = said["parent"].split()
        facets["parent"] = {"run": {"runId": run_id(run)}, "job": {"namespace": TEAM, "name": job}}
    if "error" in said:
        facets["errorMessage"] = {"message": said["error"], "programmingLanguage": "python"}
    return facets


def _dataset(dataset: str | Mapping) -> Mapping:
    namespace, name = names_of(dataset)
    facets: Mapping = {}
    if isinstance(dataset, dict):
        facets = dict(dataset.get("facets", {}))
        for key, make in FACETS.items():
            if key in dataset:
                facet, value = make(dataset[key])
                facets[facet] = value
    return {"namespace": namespace, "name": name, "facets": facets}


def _columns(fields: dict[str, list[str]]) -> Mapping:
    def source(text: str) -> Mapping:
        name, field = text.rsplit(".", 1)
        return {"namespace": NAMESPACE, "name": name, "field": field}

    return {"fields": {field: {"inputFields": [source(text) for text in found]} for field, found in fields.items()}}


FACETS = {
    "schema": lambda fields: ("schema", {"fields": [{"name": key, "type": kind} for key, kind in fields.items()]}),
    "version": lambda label: ("version", {"datasetVersion": label}),
    "kind": lambda kind: ("datasetType", {"datasetType": kind}),
    "from fields": lambda fields: ("columnLineage", _columns(fields)),
    "only from": lambda sources: ("lineage", {"inputs": [_source(name) for name in sources]}),
    "also called": lambda name: (
        "symlinks",
        {"identifiers": [{"namespace": NAMESPACE, "name": name, "type": "TABLE"}]},
    ),
    "renamed from": lambda name: (
        "lifecycleStateChange",
        {"lifecycleStateChange": "RENAME", "previousIdentifier": {"namespace": NAMESPACE, "name": name}},
    ),
    "declared": lambda _: ("headwater_declared", {"_producer": PRODUCER, "_schemaURL": DECLARED}),
    "dropped": lambda _: ("lifecycleStateChange", {"lifecycleStateChange": "DROP"}),
    "tags": lambda tags: ("tags", {"tags": [{"key": key} for key in tags]}),
    "owner": lambda owner: ("ownership", {"owners": [{"name": owner}]}),
    "about": lambda text: ("documentation", {"description": text}),
}
"""How what a file says of a dataset becomes a facet."""
