"""Which run a wrapped command is, and what it is told of that in its environment.

The command waits for this, so it needs the standard library and the light `headwater.names` only.
"""

import json
import os
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headwater.names import JobName, job_name

from .origin import script_of

RUN_ID = "HEADWATER_RUN_ID"
JOB = "HEADWATER_JOB"
ADDRESS = "HEADWATER_ADDRESS"
PARENT = "OPENLINEAGE_PARENT_ID"
ROOT = "OPENLINEAGE_ROOT_PARENT_ID"
CONTEXT = "OPENLINEAGE_CONTEXT"


def _new_run_id() -> str:
    """Makes a UUIDv7, as `headwater.run` does behind gRPC."""
    bits = time.time_ns() // 1_000_000 << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62
    return str(uuid.UUID(int=bits | secrets.randbits(62)))


@dataclass(frozen=True)
class Identity:
    """Names a run and its job."""

    job: JobName
    run_id: str = field(default_factory=_new_run_id)

    @classmethod
    def of(cls, command: Sequence[str], job: str) -> "Identity":
        """Makes a new run of a job; without a name, the job is called after the script. Raises InvalidName."""
        name = job or (script_of(command) or Path(command[0])).name
        return cls(job_name(name, os.environ.get("OPENLINEAGE_NAMESPACE") or "default"))

    @property
    def path(self) -> str:
        """The run as OpenLineage's variables name it."""
        return f"{self.job.namespace}/{self.job.job}/{self.run_id}"


def environment_for(before: Mapping[str, str], run: Identity, address: str | None) -> dict[str, str]:
    """Gives the command's environment: what there was before, with this run as the parent of what runs inside of it.

    `headwater emit` finds the run by HEADWATER_RUN_ID and HEADWATER_JOB, and the server by the address where one is
    given; OpenLineage clients find it by their own variables.
    """
    own = {"run": {"runId": run.run_id}, "job": {"namespace": run.job.namespace, "name": run.job.job}}
    context = {"parent": {**own, "root": _root(before) or own}}
    return {
        **before,
        **({ADDRESS: address} if address else {}),
        RUN_ID: run.run_id,
        JOB: f"{run.job.namespace}/{run.job.job}",
        PARENT: run.path,
        ROOT: before.get(ROOT) or before.get(PARENT) or run.path,
        CONTEXT: json.dumps(context, separators=(",", ":")),
    }


def _root(environment: Mapping[str, str]) -> object:
    """Gives the root of the tree of runs that this process is in, as a context names it; None where it is in none."""
    try:
        parent = json.loads(environment[CONTEXT])["parent"]
        return parent.get("root") or {"run": parent["run"], "job": parent["job"]}
    except (AttributeError, KeyError, TypeError, ValueError):
        path = environment.get(ROOT) or environment.get(PARENT) or ""
    namespace, _, rest = path.rpartition("/")[0].rpartition("/")
    return (
        {"run": {"runId": path.rpartition("/")[2]}, "job": {"namespace": namespace, "name": rest}}
        if namespace
        else None
    )
