"""Argo's name of a node, as the task that it is: `run-x7f(0).root(0).inner-2(0).preprocess(0).executor(1)`.

Nested pipelines, conditions and loops are parts of the task's path; loop items and attempts are not: every item and
attempt is a run of one job. With other defaults of Argo the same node is `run-x7f.root.inner-2.preprocess.executor`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PARTS = re.compile(r"(?:[^.()]|\([^)]*\))+")
_PART = re.compile(r"(?P<name>[^(]*)(?:\((?P<item>\d+:[^)]*)\))?(?:\((?P<attempt>\d+)\))?$")
_ON_EXIT = "onExit"
_ITERATIONS = "iteration-iterations"
_ITERATION = "iteration-item"
_EXECUTOR = "executor"


@dataclass(frozen=True, slots=True)
class TaskNode:
    """A task's path below the pipeline's root, parts joined by dots, the loop items it is for, outermost first, and
    which attempt it is, counted from 0; None where it is not said."""

    path: str
    iterations: tuple[int, ...] = ()
    attempt: int | None = None


def parse_node_name(node_name: str, workflow: str) -> TaskNode:
    """The task that a node of a Workflow is. Raises ValueError where the node is not below the pipeline's root."""
    parts = [_split(part) for part in _PARTS.findall(node_name.removeprefix(workflow))]
    names = [name for name, _, _ in parts]
    if not node_name.startswith(workflow) or "root" not in names:
        raise ValueError(f"node {node_name!r} is not below the root of Workflow {workflow!r}")
    below = parts[names.index("root") + 1 :]
    if not below:
        raise ValueError(f"node {node_name!r} is the root of Workflow {workflow!r}, not a task")
    attempt = below[-1][2]
    if len(below) > 1 and below[-1][0] == _EXECUTOR:
        below.pop()
    iterations = tuple(int(item.partition(":")[0]) for _, item, _ in below if item)
    return TaskNode(".".join(_path(below)), iterations, attempt)


def stem(node_name: str) -> str:
    """A node's name without attempts: what a node and the Retry node around it have in common."""
    return ".".join(re.sub(r"\(\d+\)$", "", part) for part in node_name.split("."))


def _split(part: str) -> tuple[str, str, int | None]:
    found = _PART.match(part)
    if found is None:
        return part, "", None
    attempt = found["attempt"]
    return found["name"], found["item"] or "", int(attempt) if attempt else None


def _path(parts: list[tuple[str, str, int | None]]) -> Iterator[str]:
    """The names that belong to the path. Argo calls a loop's item `iteration-iterations(0:…)`; earlier releases have an
    `iteration-item` in it. The task of an exit handler stands beside the handler and is run as its `onExit`."""
    for place, (name, item, _) in enumerate(parts):
        after = parts[place + 1][0] if place + 1 < len(parts) else ""
        before = parts[place - 1] if place else ("", "", None)
        of_loop = name == _ITERATIONS or item or (name == _ITERATION and before[0] == _ITERATIONS)
        if not of_loop and name != _ON_EXIT and after != _ON_EXIT:
            yield name
