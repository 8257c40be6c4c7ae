"""Who owns an object: its controller, that one's controller, and so on up to the root.

Only metadata is asked for, once for each owner however many objects ask for it, and what is watched anyway is learnt
from the watch. An owner that is gone, or that the operator may not read, ends the chain with what the reference says.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .kubernetes_api import KubernetesApiError
from .observation import ObjectRef

MOST_OWNERS = 20_000
"""How many owners are remembered; the one that nobody asked for longest makes room."""

DEEPEST = 10
UNREADABLE_SECONDS = 600
"""After how long an owner that may not be read is asked for again."""

LONGEST_ANNOTATION = 1024
"""Longer annotations of an owner are not remembered: they hold whole manifests."""


class Metadata(Protocol):
    """Reads metadata, as `KubernetesApi` does."""

    async def get_metadata(
        self, group: str, version: str, kind: str, namespace: str, name: str
    ) -> dict[str, Any] | None:
        """The metadata of an object; None where it is not there. Raises KubernetesApiError."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An owner as its dependant names it."""

    group: str
    version: str
    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class _Owner:
    ref: ObjectRef
    owner: Reference | None
    ask_again_at: float = float("inf")


class Owners:
    """Finds owners. Belongs to one event loop."""

    def __init__(self, api: Metadata, *, most: int = MOST_OWNERS, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._most = most
        self._clock = clock
        self._known: OrderedDict[str, _Owner] = OrderedDict()
        self._asking: dict[str, asyncio.Task[_Owner]] = {}

    def learn(self, kind: str, metadata: Mapping[str, Any]) -> None:
        """Takes note of an object that was seen anyway. `kind` is as in ObjectRef."""
        self._remember(_Owner(object_ref(kind, metadata), controller(metadata)))

    async def find(self, metadata: Mapping[str, Any]) -> tuple[ObjectRef, ...]:
        """The owners of an object, nearest first. Raises KubernetesApiError where the API server does not answer."""
        chain: list[ObjectRef] = []
        following = controller(metadata)
        while following is not None and len(chain) < DEEPEST:
            owner = await self._find_one(following, metadata.get("namespace", ""))
            chain.append(owner.ref)
            following = owner.owner
        return tuple(chain)

    async def _find_one(self, reference: Reference, namespace: str) -> _Owner:
        known = self._known.get(reference.uid)
        if known is not None and self._clock() < known.ask_again_at:
            self._known.move_to_end(reference.uid)
            return known
        task = self._asking.get(reference.uid)
        if task is None:
            task = asyncio.create_task(self._ask(reference, namespace))
            self._asking[reference.uid] = task
            task.add_done_callback(lambda done: self._asked(reference.uid, done))
        return await asyncio.shield(task)

    def _asked(self, uid: str, task: asyncio.Task[_Owner]) -> None:
        self._asking.pop(uid, None)
        if not task.cancelled():
            task.exception()  # whoever waits is told; nobody may

    async def _ask(self, reference: Reference, namespace: str) -> _Owner:
        kind = kind_name(reference.kind, reference.group)
        unread = ObjectRef(kind, namespace, reference.name, reference.uid)
        try:
            metadata = await self._api.get_metadata(
                reference.group, reference.version, reference.kind, namespace, reference.name
            )
        except KubernetesApiError as error:
            if error.status not in (401, 403, 405):
                raise
            return self._remember(_Owner(unread, None, self._clock() + UNREADABLE_SECONDS))
        if metadata is None or metadata["uid"] != reference.uid:
            return self._remember(_Owner(unread, None))
        return self._remember(_Owner(object_ref(kind, metadata), controller(metadata)))

    def _remember(self, owner: _Owner) -> _Owner:
        self._known[owner.ref.uid] = owner
        self._known.move_to_end(owner.ref.uid)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return owner


def controller(metadata: Mapping[str, Any]) -> Reference | None:
    """The owner that controls an object."""
    references: Sequence[Mapping[str, Any]] = metadata.get("ownerReferences") or ()
    for each in references:
        if each.get("controller"):
            group, _, version = each["apiVersion"].rpartition("/")
            return Reference(group, version, each["kind"], each["name"], each["uid"])
    return None


def object_ref(kind: str, metadata: Mapping[str, Any]) -> ObjectRef:
    """An object by its metadata, without what is too long to be kept. `kind` is as in ObjectRef."""
    annotations = metadata.get("annotations") or {}
    return ObjectRef(
        kind,
        metadata.get("namespace", ""),
        metadata["name"],
        metadata["uid"],
        metadata.get("labels") or {},
        {key: value for key, value in annotations.items() if len(value) <= LONGEST_ANNOTATION},
        metadata.get("generateName", ""),
    )


def kind_name(kind: str, group: str) -> str:
    """A kind with its group, as in ObjectRef."""
    return f"{kind}.{group}" if group else kind
