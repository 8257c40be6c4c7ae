"""The routes of the HTTP door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from ..domain.errors import HeadwaterError
from ..usecases.access import Access
from ..usecases.ingest import Ingestion
from .bodies import BodyReader
from .callers import Authentication
from .errors import tell_error, tell_no_route
from .figures import Figures
from .ingest import IngestEndpoints
from .observation import Observation, RequestMetrics
from .probes import ProbeEndpoints
from .questions import QuestionEndpoints, Questions
from .schemas import SchemaEndpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """What stands behind the door. `gate` raises what everything is refused with while the server is not ready."""

    access: Access
    ingestion: Ingestion
    questions: Questions
    gate: Callable[[], None]
    bodies: BodyReader
    registry: CollectorRegistry
    figures: Figures


def create_metrics_application(gate: Callable[[], None], figures: Figures) -> Starlette:
    """The application that answers machines alone, which prove nothing: its answers hold counts and no lineage."""
    probes = ProbeEndpoints(gate, figures)
    return Starlette(
        routes=[
            Route("/healthz", probes.healthz),
            Route("/readyz", probes.readyz),
            Route("/metrics", probes.open_metrics),
        ],
        exception_handlers={HeadwaterError: tell_error, HTTPException: tell_no_route},
    )


def create_application(backing: Backing) -> Starlette:
    """The application that answers HTTP."""
    ingest = IngestEndpoints(backing.ingestion, backing.bodies, backing.gate)
    questions = QuestionEndpoints(backing.questions, backing.bodies)
    probes = ProbeEndpoints(backing.gate, backing.figures)
    return Starlette(
        routes=[
            Route("/api/v1/lineage", ingest.write_event, methods=["POST"]),
            Route("/api/v1/lineage/batch", ingest.write_events, methods=["POST"]),
            Route("/api/v1/lineage", questions.lineage),
            Route("/api/v1/upstream/{address:path}", questions.upstream),
            Route("/api/v1/downstream/{address:path}", questions.downstream),
            Route("/api/v1/show/{address:path}", questions.show),
            Route("/api/v1/search", questions.search),
            Route("/api/v1/rpc/{service}/{method}", questions.call, methods=["POST"]),
            Route("/facets/1-0-0/{file}", SchemaEndpoints().schema),
            Route("/healthz", probes.healthz),
            Route("/readyz", probes.readyz),
            Route("/metrics", probes.metrics),
        ],
        middleware=[
            Middleware(Observation, RequestMetrics(backing.registry)),
            Middleware(Authentication, backing.access),
        ],
        exception_handlers={HeadwaterError: tell_error, HTTPException: tell_no_route},
    )
