"""How tests talk to the cluster: kubectl as a user types it, and waits that end when the cluster says so."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubernetes.dynamic import DynamicClient

Object = dict[str, Any]
Condition = Callable[[Object], bool]
PATIENCE_SECONDS = 120


def kubectl(*arguments: str, given: str | None = None) -> str:
    """Runs kubectl, with `given` as its input, and gives what it printed.

    Raises:
        AssertionError: it failed; with what it said.
    """
    done = subprocess.run(["kubectl", *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
    return done.stdout.strip()


def wait_for(client: DynamicClient, kind: str, name: str, holds: Condition, namespace: str | None = None) -> Object:
    """Watches one object, whose kind is written `batch/v1/Job`, until a condition holds; gives the object.

    Raises:
        AssertionError: it did not hold within `PATIENCE_SECONDS`; with the object as it was last seen.
    """
    api_version, _, short = kind.rpartition("/")
    resource = client.resources.get(api_version=api_version, kind=short)
    seen: Object | None = None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        for event in client.watch(resource, namespace=namespace, name=name, timeout=max(1, int(left))):
            seen = event["raw_object"]
            if event["type"] != "DELETED" and holds(seen):
                return seen
    raise AssertionError(f"{kind} {name} after {PATIENCE_SECONDS} s: {json.dumps(seen, indent=1)}")


@dataclass(frozen=True)
class Namespace:
    """A namespace of the cluster that a test has for itself."""

    name: str
    client: DynamicClient

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Runs kubectl in this namespace; see the function of this name."""
        return kubectl("--namespace", self.name, *arguments, given=given)

    def apply(self, *objects: Object) -> None:
        """Applies objects, as `kubectl apply` does."""
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "--filename", "-", given=json.dumps(listed))

    def pods(self, selector: str) -> list[Object]:
        """The pods with these labels that are not about to go."""
        found: list[Object] = json.loads(self.kubectl("get", "pods", "--selector", selector, "--output", "json"))[
            "items"
        ]
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def wait_for(self, kind: str, name: str, holds: Condition) -> Object:
        """Waits for an object in this namespace; see the function of this name."""
        return wait_for(self.client, kind, name, holds, self.name)


def has_condition(condition: str, status: str = "True") -> Condition:
    """Holds for an object whose status has a condition of this type and status."""

    def holds(found: Object) -> bool:
        conditions = found.get("status", {}).get("conditions") or ()
        return any(entry["type"] == condition and entry["status"] == status for entry in conditions)

    return holds


def has_ended(job: Object) -> bool:
    """Whether a Job has ended, one way or the other."""
    return has_condition("Complete")(job) or has_condition("Failed")(job)
