"""What accounts may do on the cluster, and what the programs ask to be allowed."""

from __future__ import annotations

import re
import subprocess

import yaml

from .kubernetes_access import kubectl
from .running_operator import program

Rights = set[tuple[str, str]]
"""What, as `kubectl auth can-i --list` writes it, and a verb."""
LISTED = re.compile(r"(\S*)\s+(\[.*?])\s+(\[.*?])\s+\[(.*)]\s*")
"""A line of that list: a resource, URLs that are none, names of objects, verbs."""
ANYBODY = "system:serviceaccount:default:nobody-in-particular"


def granted(account: str, namespace: str = "default") -> Rights:
    """What an account may do in a namespace beyond what every ServiceAccount may."""
    return _listed(account, namespace) - _listed(ANYBODY, namespace)


def asked_for(program_name: str = "operator") -> Rights:
    """What `headwater-operator rbac` prints for one of its programs."""
    command = [program("headwater-operator"), "rbac", "--program", program_name]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {
        (f"{name}.{group}".rstrip(".") + slash + subresource, verb)
        for each in yaml.safe_load_all(printed)
        for rule in each.get("rules", ())
        for group in rule["apiGroups"]
        for name, slash, subresource in (resource.partition("/") for resource in rule["resources"])
        for verb in rule["verbs"]
    }


def _listed(account: str, namespace: str) -> Rights:
    listed = kubectl("auth", "can-i", "--list", "--no-headers", "--as", account, "--namespace", namespace)
    rows = [LISTED.fullmatch(line) for line in listed.splitlines()]
    return {
        (" ".join([row[1], *(each for each in row.group(2, 3) if each != "[]")]), verb)
        for row in rows
        if row
        for verb in row[4].split()
    }
