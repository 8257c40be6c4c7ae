"""The nodes of a Workflow: where Argo keeps them, and what a task is called whatever its loops and attempts."""

from __future__ import annotations

import binascii
import json
import re
import zlib
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from .reading import part

_MOST_BYTES = 64 * 1024 * 1024
_DEEPEST = 100
_STEP_GROUP = re.compile(r"\[\d+\]")

Nodes = Mapping[str, Mapping[str, Any]]
"""The nodes of a Workflow by id."""


def nodes_of(status: Mapping[str, Any]) -> Nodes:
    """The nodes, which Argo compresses where they are many. Raises ValueError where they cannot be had from here."""
    if status.get("offloadNodeStatusVersion"):
        raise ValueError("which tasks it ran: Argo keeps its nodes in a database; set nodeStatusOffLoad to false")
    nodes = part(status, "nodes")
    if not nodes and status.get("compressedNodes"):
        nodes = _decompressed(str(status["compressedNodes"]))
    return {str(key): node for key, node in nodes.items() if isinstance(node, Mapping)}


def task_path(node: Mapping[str, Any], nodes: Nodes, workflow: str) -> str:
    """The names of a node and of the templates around it, without items of loops and numbers of attempts."""
    names: list[str] = []
    found: Mapping[str, Any] | None = node
    while found is not None and len(names) < _DEEPEST:
        names.append(_own_name(found, workflow))
        found = nodes.get(str(found.get("boundaryID") or ""))
    return ".".join(filter(None, reversed(names))) or str(node.get("templateName") or "main")


def path_of_node_name(node_name: str, workflow: str) -> str:
    """The same path, from the full name that a pod's annotation has: `wf[0].prepare(0:a.csv)(1)`; empty for the root.

    Argo writes a node's name behind that of the template around it, and a step behind the number of its group.
    """
    path, depth = [], 0
    for letter in node_name.removeprefix(workflow):
        depth += letter == "("
        if not depth:
            path.append(letter)
        depth -= letter == ")" and depth > 0
    return _STEP_GROUP.sub("", "".join(path)).strip(".")


def _own_name(node: Mapping[str, Any], workflow: str) -> str:
    """What a node is called inside of its boundary; the root has no name but the Workflow's."""
    name = str(node.get("displayName") or node.get("name") or "")
    if not node.get("boundaryID"):
        name = name.removeprefix(workflow).lstrip(".")
    return name.partition("(")[0]


def _decompressed(text: str) -> Mapping[str, Any]:
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        nodes = json.loads(unpack.decompress(b64decode(text), _MOST_BYTES))
    except (binascii.Error, zlib.error, ValueError):
        raise ValueError("which tasks it ran: its compressedNodes are no gzip of nodes, or too large") from None
    return nodes if isinstance(nodes, dict) else {}
