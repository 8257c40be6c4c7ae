"""Which run started this program, as OpenLineage says it in environment variables. Pure."""

import json
import logging
from collections.abc import Mapping

from .v1 import event_pb2 as pb

_log = logging.getLogger(__name__)


def parent_from(environment: Mapping[str, str]) -> pb.ParentRun | None:
    """Reads OPENLINEAGE_CONTEXT, else OPENLINEAGE_PARENT_ID and OPENLINEAGE_ROOT_PARENT_ID; None where none is set.

    A value without meaning is logged and passed over.

    >>> parent_from({"OPENLINEAGE_PARENT_ID": "k8s://prod/ml/nightly/0193..."}).job_name
    'nightly'
    """
    parent = _from_context(environment.get("OPENLINEAGE_CONTEXT", ""))
    if parent is None:
        parent = _from_path(environment, "OPENLINEAGE_PARENT_ID")
        root = _from_path(environment, "OPENLINEAGE_ROOT_PARENT_ID")
        if parent is not None and root is not None:
            parent.root.CopyFrom(root)
    return parent


def _from_context(text: str) -> pb.ParentRun | None:
    if not text:
        return None
    try:
        parent = json.loads(text).get("parent")
        if parent is None:
            return None
        message = _run(parent)
        if parent.get("root"):
            message.root.CopyFrom(_run(parent["root"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        _log.warning("OPENLINEAGE_CONTEXT names no parent run and is passed over")
        return None
    return message


def _run(value: Mapping[str, Mapping[str, str]]) -> pb.ParentRun:
    run, job = value["run"], value["job"]
    return pb.ParentRun(run_id=run["runId"], job_namespace=job["namespace"], job_name=job["name"])


def _from_path(environment: Mapping[str, str], variable: str) -> pb.ParentRun | None:
    # namespace/job/runId: namespaces hold slashes more often than names of jobs do.
    path = environment.get(variable)
    if not path:
        return None
    parts = path.rsplit("/", 2)
    if len(parts) < 3 or not all(parts):
        _log.warning("%s is not namespace/job/run and is passed over", variable)
        return None
    return pb.ParentRun(job_namespace=parts[0], job_name=parts[1], run_id=parts[2])
