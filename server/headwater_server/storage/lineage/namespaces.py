"""The names of namespaces, remembered: an id is a hash of the name, so neither ever changes."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from sqlalchemy import select

from ..database import Connection
from ..statements import Statement, among
from ..tables import namespaces

MAX_REMEMBERED = 200_000
"""How many namespaces are remembered; past it, all are forgotten."""

_GET = Statement(
    select(namespaces.c.namespace_id, namespaces.c.namespace).where(among(namespaces.c.namespace_id, "ids"))
)


class Namespaces:
    """Finds the names of namespaces."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    async def names(self, connection: Connection, ids: AbstractSet[int]) -> dict[int, str]:
        """The names of namespaces that are known to the store, by id."""
        found = {key: self._names[key] for key in ids if key in self._names}
        if len(found) < len(ids):
            if len(self._names) > MAX_REMEMBERED:
                self._names.clear()
            for key, name in await _GET.fetch(connection, ids=list(ids - found.keys())):
                found[key] = self._names[key] = name
        return found
