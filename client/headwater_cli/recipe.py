"""The recipe of a run: all that is known and needed to do it again, and what is not known."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from headwater import NotFound, SyncClient
from headwater.v1.catalog_pb2 import Facet, JobVersion, Run, RunDataset

from .asset_words import run_state
from .screen import STRONG, note, show, show_block, show_facts, show_heading, show_table, styled
from .times import show_time
from .words import address, last_part

_DIGEST = re.compile(r".*sha256:[0-9a-f]{64}")
_OUR_OR_CLUSTER = re.compile(r"headwater_|.*kubernetes|.*container", re.IGNORECASE)


def read_recipe(client: SyncClient, name: str) -> dict[str, Any]:
    """Gathers the recipe of a run from the run, its facets, and the version of the job that ran."""
    run = client.get_run(name, view="FULL")
    facets = _read_facets(run.facets)
    version = _job_version(client, run)
    location = version.code_location
    recipe: dict[str, Any] = {
        "run": last_part(run.name),
        "job": address(run.job),
        "state": run_state(run),
        "nominalStartTime": show_time(run.nominal_start_time),
        "nominalEndTime": show_time(run.nominal_end_time),
        "command": _command(facets),
        "code": {field.name: value for field, value in location.ListFields()},
        "sourceCode": _source_code(client, run) if not version.sql else {},
        "sql": version.sql,
        "images": list(dict.fromkeys(_images(facets))),
        "parameters": _pairs(facets, "executionParameters", "parameters", "key"),
        "environment": _pairs(facets, "environmentVariables", "environmentVariables", "name"),
        "inputs": [_input(each) for each in run.inputs],
    }
    recipe["unknown"] = list(_unknown(recipe))
    if facets.get("headwater_process", {}).get("hasChanges") is True:
        recipe["unknown"].append("changes that were not committed")
    return recipe


def show_recipe(recipe: Mapping[str, Any]) -> None:
    """Shows a recipe, and says what is missing from it."""
    show(styled(f"To do run {recipe['run']} again", STRONG))
    code = recipe["code"]
    show_facts(
        (
            ("job", recipe["job"]),
            ("state", recipe["state"]),
            ("scheduled for", " to ".join(filter(None, (recipe["nominalStartTime"], recipe["nominalEndTime"])))),
            ("command", shlex.join(recipe["command"])),
            ("commit", code.get("commit", "")),
            ("repository", code.get("repository") or code.get("url", "")),
            ("path", code.get("path", "")),
            ("image", "\n".join(recipe["images"])),
        )
    )
    for heading in ("parameters", "environment"):
        if recipe[heading]:
            show_heading(heading)
            show_facts(recipe[heading].items())
    if recipe["inputs"]:
        show_heading("inputs")
        rows = [(each["dataset"], each["version"], each["writtenBy"], each["bound"]) for each in recipe["inputs"]]
        show_table(("DATASET", "VERSION", "WRITTEN BY", "BOUND"), rows)
    for heading, text in (("SQL", recipe["sql"]), ("code", recipe["sourceCode"].get("sourceCode", ""))):
        if text:
            show_heading(heading)
            show_block(text)
    if recipe["unknown"]:
        note(f"not known: {', '.join(recipe['unknown'])}")


def _job_version(client: SyncClient, run: Run) -> JobVersion:
    try:
        return client.get_job_version(run.job_version) if run.job_version else JobVersion()
    except NotFound:
        return JobVersion()


def _source_code(client: SyncClient, run: Run) -> dict[str, Any]:
    # The job's facet is the last that was sent, so it is the run's own only where no later run has changed it.
    job = client.get_job(run.job, view="FULL")
    found = _read_facets(job.facets).get("sourceCode", {}) if job.latest_version.name == run.job_version else {}
    return {name: found[name] for name in ("language", "sourceCode") if name in found}


def _unknown(recipe: Mapping[str, Any]) -> Iterator[str]:
    if not (recipe["code"] or recipe["sourceCode"] or recipe["sql"]):
        yield "code"
    if not recipe["images"]:
        yield "image"
    if not (recipe["parameters"] or recipe["command"]):
        yield "parameters"
    for each in recipe["inputs"]:
        if not each["version"]:
            yield f"version of {each['dataset']}"


def _read_facets(facets: Iterable[Facet]) -> dict[str, dict[str, Any]]:
    read = {}
    for facet in facets:
        try:
            content = json.loads(facet.json)
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict):
            read[facet.name] = content
    return read


def _pairs(facets: Mapping[str, Mapping[str, Any]], facet: str, member: str, key: str) -> dict[str, str]:
    entries = facets.get(facet, {}).get(member)
    pairs = [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    return {str(each.get(key, "")): str(each.get("value", "")) for each in pairs}


def _command(facets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    command = facets.get("headwater_process", {}).get("command")
    return [str(each) for each in command] if isinstance(command, list) else []


def _images(facets: Mapping[str, Any]) -> Iterator[str]:
    """Finds images named by their digest, wherever a facet of ours or of a cluster holds one."""
    waiting = [(name, facet) for name, facet in facets.items() if _OUR_OR_CLUSTER.match(name)]
    while waiting:
        name, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(name, each) for each in value]
        elif "image" in name.lower() and isinstance(value, str) and _DIGEST.fullmatch(value):
            yield value


def _input(dataset: RunDataset) -> dict[str, str]:
    bound = "named by the reader" if dataset.declared else "the last one before the run"
    return {
        "dataset": address(dataset.dataset),
        "version": dataset.label or last_part(dataset.version),
        "versionName": dataset.version,
        "writtenBy": last_part(dataset.write),
        "bound": bound if dataset.version else "",
    }
