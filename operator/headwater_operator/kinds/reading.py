"""How adapters read objects: parts that may be absent, conditions, times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .adapter import Body


def part(body: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object at a path; empty where there is none."""
    found: Any = body
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def items(body: Mapping[str, Any], *path: str) -> list[Mapping[str, Any]]:
    """The objects of the list at a path; none where there is no list."""
    found = part(body, *path[:-1]).get(path[-1])
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, Sequence) else []


def true_condition(body: Body, kind: str) -> Mapping[str, Any] | None:
    """The condition of a type, if it holds."""
    conditions = items(body, "status", "conditions")
    return next((each for each in conditions if each.get("type") == kind and each.get("status") == "True"), None)


def reason(condition: Mapping[str, Any]) -> str:
    """Why a condition holds, in one line."""
    return ": ".join(text for text in (condition.get("reason"), condition.get("message")) if text)


def read_time(text: object) -> datetime | None:
    """A time as Kubernetes writes it; None where there is none. Raises ValueError for what is no time."""
    if not text:
        return None
    time = datetime.fromisoformat(str(text))
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def created_at(body: Body) -> datetime:
    """When an object was created. Raises ValueError where it does not say."""
    time = read_time(part(body, "metadata").get("creationTimestamp"))
    if time is None:
        raise ValueError("has no metadata.creationTimestamp")
    return time
