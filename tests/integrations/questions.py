"""The few questions that the integration tests ask of a server, answered by the `headwater` command as a user would.

This module alone knows the command's words and the shape of its answers.
"""

import json
import subprocess
import sys
from typing import Any, Protocol
from urllib.parse import unquote


class Server(Protocol):
    """A running server: where producers send, and where questions are asked."""

    @property
    def http_url(self) -> str: ...

    @property
    def grpc_address(self) -> str: ...


def upstream(server: Server, address: str) -> set[str]:
    """Returns the names of everything upstream of a dataset, or, as `dataset#field`, of a field."""
    nodes = _ask(server, "upstream", address)["nodes"]
    return {_shown(node["displayName"], node.get("field", "")) for node in nodes if node.get("depth", 0) > 0}


def field_links(server: Server, address: str) -> set[tuple[str, str]]:
    """Returns the links that lead to the fields of a dataset: from `dataset#field` to the field."""
    answer = _ask(server, "upstream", address, "--level", "field", "--depth", "1")
    names = {node["name"]: node["displayName"] for node in answer["nodes"]}
    return {(_shown(names[link["source"]], link["sourceField"]), link["targetField"]) for link in answer["links"]}


def runs(server: Server, job: str) -> list[str]:
    """Returns the states of a job's runs, the last started first."""
    return [run["state"].removeprefix("RUN_STATE_") for run in _ask(server, "runs", job)["runs"]]


def parents(server: Server, job: str) -> set[str]:
    """Returns the names of the jobs within whose runs the runs of a job ran."""
    within = [run["parent"] for run in _ask(server, "runs", job)["runs"] if run.get("parent")]
    return {unquote(_ask(server, "show", parent)["job"].rpartition("/")[2]) for parent in within}


def _shown(dataset: str, field: str) -> str:
    return f"{dataset}#{field}" if field else dataset


def _ask(server: Server, *words: str) -> Any:
    command = [sys.executable, "-m", "headwater_cli.main", *words, "--output", "json", "--address", server.grpc_address]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)
