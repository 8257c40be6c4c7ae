"""How the fields of two versions of a dataset differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from .model import SchemaField


class ChangeType(IntEnum):
    """How a field changed; the numbers are those of `headwater.v1.ChangeType`."""

    ADDED = 1
    REMOVED = 2
    TYPE_CHANGED = 3
    METADATA_CHANGED = 4


@dataclass(frozen=True, slots=True)
class FieldChange:
    """How one field changed: as it was before, None where it was added, and after, None where it was removed."""

    path: str
    type: ChangeType
    base: SchemaField | None
    target: SchemaField | None


def compare_fields(base: Iterable[SchemaField], target: Iterable[SchemaField]) -> list[FieldChange]:
    """What changed from one schema to another, in the order of paths. Of fields with one path, the last counts."""
    before = {field.path: field for field in base}
    after = {field.path: field for field in target}
    changes = (_change(path, before.get(path), after.get(path)) for path in sorted(before.keys() | after.keys()))
    return [change for change in changes if change]


def _change(path: str, base: SchemaField | None, target: SchemaField | None) -> FieldChange | None:
    if base == target:
        return None
    if base is None or target is None:
        return FieldChange(path, ChangeType.ADDED if base is None else ChangeType.REMOVED, base, target)
    kind = ChangeType.METADATA_CHANGED if base.type == target.type else ChangeType.TYPE_CHANGED
    return FieldChange(path, kind, base, target)
