"""The owners of pods by their UIDs, as the watches tell them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..injection.cluster_view import Owners
from ..observation import ObjectRef
from ..owners import DEEPEST, Reference, controller, kind_name, object_ref

PATIENCE_SECONDS = 0.1
"""How long one pod may wait for owners that are new: the watch is a little behind whoever made them."""


@dataclass(frozen=True, slots=True)
class _Owner:
    ref: ObjectRef
    controller: Reference | None


class OwnerCache:
    """Finds owners without asking anybody. Belongs to one event loop.

    `follows` says whether the objects of a kind, such as `Job.batch`, come here sooner or later.
    """

    def __init__(self, follows: Callable[[str], bool], *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._follows = follows
        self._patience_seconds = patience_seconds
        self._known: dict[str, _Owner] = {}
        self._awaited: dict[str, set[asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def put(self, kind: str, metadata: Mapping[str, Any]) -> None:
        """An object is there."""
        # Names follow from labels alone, and annotations may be long.
        ref = replace(object_ref(kind, metadata), annotations={})
        self._known[ref.uid] = _Owner(ref, controller(metadata))
        for each in self._awaited.get(ref.uid, ()):
            if not each.done():
                each.set_result(None)

    def remove(self, uid: str) -> None:
        """An object is gone."""
        self._known.pop(uid, None)

    async def climb(self, metadata: Mapping[str, Any], namespace: str) -> Owners:
        """The owners of an object; one that does not become known in time is told by its reference, and ends them."""
        chain: list[ObjectRef] = []
        following = controller(metadata)
        until = asyncio.get_running_loop().time() + self._patience_seconds
        while following is not None and len(chain) < DEEPEST:
            kind = kind_name(following.kind, following.group)
            owner = self._known.get(following.uid)
            if owner is None and self._follows(kind):
                owner = await self._wait(following.uid, until)
            if owner is None:
                unknown = ObjectRef(kind, namespace, following.name, following.uid)
                guessed = (f"{following.kind} {following.name}",) if self._follows(kind) else ()
                return Owners((*chain, unknown), guessed)
            chain.append(owner.ref)
            following = owner.controller
        return Owners(tuple(chain))

    async def _wait(self, uid: str, until: float) -> _Owner | None:
        known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._awaited.setdefault(uid, set())
        waiting.add(known)
        try:
            async with asyncio.timeout_at(until):
                await known
        except TimeoutError:
            pass
        finally:
            waiting.discard(known)
            if not waiting:
                self._awaited.pop(uid, None)
        return self._known.get(uid)
