"""What was made lately, by the text that it was made of, within bounds of memory."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Keeps what was asked for lately. Of what is put in, at least the last `size` are kept, by weight.

    Two generations: what is asked for moves to the young one; when that is full, the old one is forgotten.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[Hashable, tuple[T, int]] = {}
        self._old: dict[Hashable, tuple[T, int]] = {}
        self._weight = 0

    def get(self, key: Hashable) -> T | None:
        """What was put in for a key, if it is still known."""
        found = self._young.get(key)
        if found is not None:
            return found[0]
        found = self._old.get(key)
        if found is None:
            return None
        self.put(key, *found)
        return found[0]

    def put(self, key: Hashable, thing: T, weight: int = 1) -> T:
        """Remembers a thing, unless it alone weighs more than a tenth of all; returns it."""
        if weight * 10 > self._size or key in self._young:
            return thing
        if self._weight + weight > self._size:
            self._old, self._young, self._weight = self._young, {}, 0
        self._young[key] = (thing, weight)
        self._weight += weight
        return thing
