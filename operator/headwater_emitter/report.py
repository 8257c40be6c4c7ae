"""What the emitter says of itself, to probes, people and Prometheus, and at its end. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from headwater.spool import DeliveryState, Figures

from .health import Figure

MAX_FAREWELL_CHARACTERS = 2000
"""Kubernetes keeps 4,096 bytes of a termination message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the emitter stands: what is wrong with its settings, its spool or its doors, and how delivery goes.

    `delivery` is None where there is no spool; `closed` says by door why it is not open.
    """

    spool: Path
    delivery: DeliveryState | None
    received: Mapping[str, int]
    refused: Mapping[str, int]
    mistakes: str = ""
    no_spool: str = ""
    closed: Mapping[str, str]
    is_stopping: bool = False

    @property
    def figures(self) -> Figures:
        """What is in the spool; zeros where there is none."""
        return self.delivery.figures if self.delivery else Figures()


def healthz(standing: Standing, about: Mapping[str, object]) -> dict[str, object]:
    """The answer of /healthz."""
    state, problem = _state(standing)
    figures, delivery = standing.figures, standing.delivery
    return {
        "state": state,
        "problem": problem,
        **about,
        "spool": str(standing.spool),
        "waiting": figures.depth,
        "waiting_bytes": figures.size,
        "oldest_seconds": round(figures.oldest_seconds, 3),
        "delivered": figures.delivered,
        "rejected": figures.rejected,
        "dead_letters": figures.dead_letters,
        "dropped": figures.dropped,
        "corrupted": figures.corrupted,
        "untold_gaps": figures.gaps,
        "received": dict(standing.received),
        "refused": dict(standing.refused),
        "last_delivery": _time(delivery.last_success_time if delivery else None),
        "last_failure": _time(delivery.last_error_time if delivery else None),
    }


def _state(standing: Standing) -> tuple[str, str]:
    """One word, and what is wrong."""
    delivery = standing.delivery
    if standing.is_stopping:
        return "stopping", ""
    if delivery is None:
        return "no spool", standing.no_spool
    if standing.mistakes:
        return "misconfigured", standing.mistakes
    if standing.closed:
        return "door closed", "; ".join(f"{door}: {why}" for door, why in sorted(standing.closed.items()))
    if delivery.needs_attention:
        return "refused", delivery.last_error
    if delivery.last_error:
        return "server away", delivery.last_error
    return "ok", ""


def metrics(standing: Standing) -> Iterator[Figure]:
    """What /metrics tells."""
    figures, delivery = standing.figures, standing.delivery
    yield Figure("received", "Events that came, by door.", dict(standing.received), is_counter=True)
    yield Figure("refused", "Events that were refused as none, by door.", dict(standing.refused), is_counter=True)
    yield Figure("delivered", "Events that the server has.", figures.delivered, is_counter=True)
    yield Figure("rejected", "Events that the server will never take.", figures.rejected, is_counter=True)
    yield Figure("dropped", "Events that were dropped for want of room.", figures.dropped, is_counter=True)
    yield Figure("corrupted", "Events that the disk damaged.", figures.corrupted, is_counter=True)
    yield Figure("spool_items", "Events that wait for the server.", figures.depth)
    yield Figure("spool_bytes", "Bytes of the events that wait.", figures.size)
    yield Figure("spool_oldest_seconds", "How long the first of them has waited.", figures.oldest_seconds)
    yield Figure("dead_letters", "Events that are kept because the server will never take them.", figures.dead_letters)
    yield Figure("spool_usable", "Whether events can be kept.", float(delivery is not None))
    yield Figure("needs_attention", "Whether the server refuses the emitter.", float(_needs_attention(delivery)))


def farewell(standing: Standing, *, ends_with_pod: bool) -> str:
    """What is said at the end of what did not arrive; nothing where all did."""
    figures, delivery = standing.figures, standing.delivery
    words = []
    if delivery is None:
        words.append(f"at the end there was no spool: {standing.no_spool}")
    if figures.depth:
        oldest = datetime.fromtimestamp((figures.oldest_milliseconds or 0) / 1000, UTC)
        where = (
            f"they are lost with the pod, whose {standing.spool} ends with it"
            if ends_with_pod
            else f"they wait in {standing.spool} for the next emitter in that folder"
        )
        words.append(f"{figures.depth} events were not delivered, the oldest of {oldest:%Y-%m-%dT%H:%M:%SZ}: {where}")
        if delivery and delivery.last_error:
            words.append(f"last failure: {delivery.last_error}")
    if figures.dropped:
        words.append(f"{figures.dropped} events were dropped for want of room")
    if figures.dead_letters:
        words.append(f"{figures.dead_letters} events are dead letters: the server will never take them")
    return "; ".join(words)[:MAX_FAREWELL_CHARACTERS]


def _needs_attention(delivery: DeliveryState | None) -> bool:
    return bool(delivery and delivery.needs_attention)


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
