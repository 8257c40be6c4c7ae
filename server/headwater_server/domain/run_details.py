"""What only a run's events tell of it: its facets, and those of each use of a dataset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from msgspec import Struct

from . import ids
from .assets import Said, merge_facets
from .catalog import Facet
from .event_parser import CLOCK_TOLERANCE, STATES
from .facets import FacetMap
from .model import OrderKey, RunState
from .run_parser import parse_time


class UseJson(Struct, rename="camel"):
    """A dataset in an event: what is said of this use of it."""

    namespace: str
    name: str
    facets: FacetMap | None = None
    input_facets: FacetMap | None = None
    output_facets: FacetMap | None = None


class RunPartJson(Struct):
    """The run of an event."""

    facets: FacetMap | None = None


class RunEventJson(Struct, rename="camel"):
    """An event as far as it tells of its run."""

    event_time: str
    event_type: str | None = None
    run: RunPartJson | None = None
    inputs: list[UseJson] | None = None
    outputs: list[UseJson] | None = None


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event as it is kept; `identity` is the first half of its identity."""

    identity: bytes
    received: datetime
    body: bytes


@dataclass(slots=True)
class RunDetails:
    """What a run's events tell of it by facets; those of datasets by the datasets' ids.

    `written` are the facets of each output that a producer sends anew with each run, such as `version`.
    """

    facets: tuple[Facet, ...] = ()
    inputs: dict[int, tuple[Facet, ...]] = field(default_factory=dict)
    outputs: dict[int, tuple[Facet, ...]] = field(default_factory=dict)
    written: dict[int, tuple[Facet, ...]] = field(default_factory=dict)


_decoder = msgspec.json.Decoder(RunEventJson)
PER_RUN_FACETS = ("version",)
"""The dataset facets that are left out of statements because they change with each run."""


def merge_details(events: Iterable[KeptEvent]) -> RunDetails:
    """What events tell of their run; the order in which they are given does not matter."""
    run: list[Said] = []
    inputs: dict[int, list[Said]] = {}
    outputs: dict[int, list[Said]] = {}
    written: dict[int, list[Said]] = {}
    for kept in events:
        event = _decoder.decode(kept.body)
        key = _key(kept, event)
        if event.run and event.run.facets:
            run.append(Said(key, event.run.facets))
        for use in event.inputs or ():
            _add(inputs, key, use, use.input_facets)
        for use in event.outputs or ():
            _add(outputs, key, use, use.output_facets)
            changing = {name: value for name, value in (use.facets or {}).items() if name in PER_RUN_FACETS}
            _add(written, key, use, changing)
    return RunDetails(_merged(run), _by_dataset(inputs), _by_dataset(outputs), _by_dataset(written))


def _key(kept: KeptEvent, event: RunEventJson) -> OrderKey:
    time = parse_time(event.event_time, "eventTime")
    order_time = time if time <= kept.received + CLOCK_TOLERANCE else kept.received
    state = STATES.get((event.event_type or "").upper(), RunState.UNKNOWN)
    return OrderKey(order_time, state.finality, kept.identity)


def _add(found: dict[int, list[Said]], key: OrderKey, use: UseJson, facets: FacetMap | None) -> None:
    if facets:
        found.setdefault(ids.dataset_id(use.namespace, use.name), []).append(Said(key, facets))


def _by_dataset(said: dict[int, list[Said]]) -> dict[int, tuple[Facet, ...]]:
    return {dataset: _merged(parts) for dataset, parts in said.items()}


def _merged(said: list[Said]) -> tuple[Facet, ...]:
    return tuple(merge_facets(said).values())
