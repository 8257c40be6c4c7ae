"""The launcher's command line in a container of a task: the flags that every 2.x release and its successors give it.

Argo puts its own program before it (`/var/run/argo/argoexec emissary … --`, or another path), so the launcher is
searched and never expected at a place. Flags are written `--k v` and `--k=v`; values may be empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .executor_input import cut_executor_input

_EXECUTOR = "/kfp-launcher/launch"
_IMPORTER = "launcher-v2"
_READ = ("pipeline_name", "run_id", "task_id", "execution_id", "executor_input", "importer_spec", "task_spec")


def launcher_flags(container: Mapping[str, Any]) -> Mapping[str, str] | None:
    """The launcher's flags by name, without dashes; None where the container does not start it.

    An executor's flags are in `command` and end at `--`: what follows and `args` are the user's, and hold a second
    `--executor_input`, a placeholder. An importer's are in `args`.
    """
    command = [str(word) for word in container.get("command") or ()]
    for place, word in enumerate(command):
        if word == _EXECUTOR:
            return flags_of(command[place + 1 :])
        if word.rpartition("/")[2] == _IMPORTER:
            return flags_of([*command[place + 1 :], *(str(each) for each in container.get("args") or ())])
    return None


def slim_container(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """A container without what is not read of it: the user's own command, and flags of the launcher that say nothing
    of lineage. What is very long is cut."""
    flags = launcher_flags(container)
    slim = {key: container[key] for key in ("name", "image") if key in container}
    if flags is None:
        return slim
    known = {name: flags[name] for name in _READ if name in flags}
    if "executor_input" in known:
        known["executor_input"] = cut_executor_input(known["executor_input"])
    return {**slim, "command": [_EXECUTOR, *(f"--{name}={value}" for name, value in known.items())]}


def flags_of(words: Sequence[str]) -> Mapping[str, str]:
    """The flags among words, up to `--`."""
    return dict(_flags(words))


def _flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        if word == "--":
            return
        if not word.startswith("--"):
            continue
        name, equals, value = word[2:].partition("=")
        if not equals and place < len(words) and not words[place].startswith("--"):
            value = words[place]
            place += 1
        yield name, value
