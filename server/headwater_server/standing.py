"""How a server stands, in figures for Prometheus: its store, what waits, its certificate, its version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from .access.tls_files import TlsFiles
from .api.admission import Admission
from .storage.database import Database
from .storage.migrate import head
from .storage.probe import PostgresProbe
from .storage.upkeep import Upkeep
from .usecases.ingest import InFlight, IngestLimits
from .usecases.readiness import Readiness

PREFIX = "headwater_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is asked. `databases` are those for writing and reading, and for a replica where there is one."""

    readiness: Readiness
    probe: PostgresProbe
    databases: Mapping[str, Database]
    upkeep: Upkeep
    in_flight: InFlight
    limits: IngestLimits
    admission: Admission
    most_questions: int
    tls: TlsFiles | None


class Standing(Collector):
    """Asks the parts whenever somebody wants to know."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """How they stand now."""
        parts = self._parts
        yield InfoMetricFamily(f"{PREFIX}build", "Which build this is.", {"version": version("headwater")})
        schema = {"database": parts.probe.revision, "build": head()}
        yield InfoMetricFamily(f"{PREFIX}schema", "The schema that the database has, and the build's.", schema)
        yield _gauge("ready", "Whether events and questions are taken.", parts.readiness.is_ready)
        yield _gauge("database_reachable", "Whether PostgreSQL answered last time.", parts.probe.reachable)
        yield from self._connections()
        yield from self._waiting()
        if parts.upkeep.last_done:
            about = "When the partitions were found in order last."
            yield _gauge("partitions_kept_timestamp_seconds", about, parts.upkeep.last_done)
        if parts.tls:
            yield _gauge("certificate_expiry_timestamp_seconds", "When the certificate ends.", parts.tls.expiry)

    def _connections(self) -> Iterator[Metric]:
        opened = GaugeMetricFamily(
            f"{PREFIX}database_connections", "Connections to PostgreSQL.", labels=["purpose", "state"]
        )
        most = GaugeMetricFamily(
            f"{PREFIX}database_connections_limit", "How many there may be at most.", labels=["purpose"]
        )
        for purpose, database in self._parts.databases.items():
            now = database.connections
            opened.add_metric([purpose, "used"], now.used)
            opened.add_metric([purpose, "idle"], now.opened - now.used)
            most.add_metric([purpose], now.most)
        yield from (opened, most)

    def _waiting(self) -> Iterator[Metric]:
        waiting, limits = self._parts.in_flight, self._parts.limits
        yield _gauge("events_in_flight", "Events that wait for their commit.", waiting.events)
        yield _gauge("events_in_flight_limit", "How many may wait; more are refused.", limits.events_in_flight)
        yield _gauge("event_bytes_in_flight", "Bytes of the events that wait.", waiting.bytes)
        yield _gauge("event_bytes_in_flight_limit", "How many may wait; more are refused.", limits.bytes_in_flight)
        yield _gauge("questions_in_flight", "Questions that are being answered.", self._parts.admission.asked)
        yield _gauge("questions_in_flight_limit", "How many may be; more are refused.", self._parts.most_questions)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, about, value=float(value))
