"""The ids of runs, made of nothing but what admission can see; operator and webhook share them.

A pod has no UID at admission and may have no name, so its run is named by its controller. Node ids of Argo are in the
pod's annotations by then (seen live; Argo Workflows 4.1).
"""

from __future__ import annotations

from uuid import UUID, uuid5


def object_run_id(uid: str) -> UUID:
    """The id of the run that an object such as a Job or a Workflow is: its own UID."""
    return UUID(uid)


def node_run_id(workflow_uid: str, node_id: str) -> UUID:
    """The id of the run of one node of a Workflow. Each attempt of a retried task is a node of its own."""
    return uuid5(UUID(workflow_uid), node_id)
