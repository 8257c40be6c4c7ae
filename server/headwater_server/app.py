"""Builds the server, connects its parts, and takes it down again. Nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version

from google.protobuf.descriptor import ServiceDescriptor
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from headwater.program.watched_files import UnusableFile
from headwater.v1 import (
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    lineage_service_pb2,
    lineage_service_pb2_grpc,
    pipeline_service_pb2,
    pipeline_service_pb2_grpc,
)

from .access.access_file import AccessFile
from .access.certificates import ClientCertificates
from .access.tls_files import TlsFiles
from .access.token_hashes import StaticTokens
from .api.admission import Admission
from .api.catalog import CatalogServicer
from .api.ingest import IngestServicer
from .api.interceptors import CallInterceptor
from .api.json_view import JsonView
from .api.lineage import LineageServicer
from .api.message_writer import DOOR as GRPC_DOOR
from .api.metrics import CallMetrics, EventMetrics, SamplingMetrics
from .api.pipelines import PipelineServicer
from .api.server import GrpcServer, Service
from .api.tls import server_credentials
from .config import Address, Mistake, QuerySettings, Settings, SettingsError, exposure_mistakes
from .domain.callers import RoleBindings, TokenVerifier
from .domain.event_parser import EventParser
from .gateway.application import Backing, create_application, create_metrics_application
from .gateway.bodies import BodyReader
from .gateway.figures import Figures, Place
from .gateway.ingest import DOOR as HTTP_DOOR
from .gateway.server import HttpServer
from .gateway.tls import server_context
from .standing import Parts, Standing
from .storage.catalog.store import CatalogStore
from .storage.database import Database
from .storage.embedded import EmbeddedPostgres
from .storage.graph.memory import GraphMemory
from .storage.ingest.transaction import IngestStore
from .storage.lineage.store import LineageStore
from .storage.migrate import upgrade
from .storage.pipelines.sampling import SamplingStore
from .storage.pipelines.store import PipelineStore
from .storage.probe import PostgresProbe
from .storage.upkeep import Upkeep, keep_partitions
from .usecases.access import Access
from .usecases.ingest import Ingestion, IngestLimits
from .usecases.readiness import Readiness
from .usecases.sampling import Sampling

logger = logging.getLogger(__name__)

PACKAGE = "headwater"
"""Whose version is told beside every answer."""
OTHER_CONNECTIONS = 3
"""Of a process, beside those for calls: to ask whether the store can be used, and for the graph in memory."""
CLOSE_SECONDS = 2
"""How long a part may take to end once all calls are answered."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running server answers; `grpc_mtls` is for clients with certificates, if they have an address.

    `metrics` is for those who ask for figures and prove nothing, if they have one.
    """

    grpc: Address
    http: Address
    grpc_mtls: Address | None = None
    metrics: Address | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """What stands before both doors: who is let in, and the certificates where there is TLS."""

    access: Access
    tls: TlsFiles | None


@contextlib.asynccontextmanager
async def running(settings: Settings, place: Place | None = None) -> AsyncIterator[Addresses]:
    """A server that answers inside of the block, and at its end finishes what it took.

    With a `place` it is one of several processes that share its addresses; then no port is 0, and there is a DSN.

    Raises SettingsError, EmbeddedPostgresError, or OSError where an address is taken.
    """
    guard = post_guard(settings)
    async with contextlib.AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(store(settings))
        writing = await stack.enter_async_context(_database(dsn, settings.ingest.write_connections))
        reading = await stack.enter_async_context(_database(dsn, settings.query.read_connections))
        replica = None
        if settings.read_dsn:
            replica = await stack.enter_async_context(_database(settings.read_dsn, settings.query.read_connections))
        sampling = Sampling()
        ingestion = await stack.enter_async_context(_ingestion(settings, writing, sampling))
        probe = PostgresProbe(dsn)
        stack.callback(probe.close)
        databases = Databases(writing, reading, replica)
        memory = None
        if settings.query.graph_memory_mib:
            memory = GraphMemory(replica or reading, settings.read_dsn or dsn, settings.query.graph_memory_mib)
        upkeep = Upkeep()
        doors = Doors(settings, guard, ingestion, Store(probe, databases, upkeep, memory), place)
        await stack.enter_async_context(doors.figures.told())
        stack.push_async_callback(doors.close)
        addresses = await doors.open()
        await stack.enter_async_context(_background(doors.watch_readiness()))
        keeping = keep_partitions(
            writing, upkeep, rejected_days=settings.rejected_days, keep_events_days=settings.keep_events_days
        )
        await stack.enter_async_context(_background(keeping))
        await stack.enter_async_context(_background(sampling.keep(SamplingStore(writing))))
        if memory:
            await stack.enter_async_context(_background(memory.keep()))
        yield addresses


def post_guard(settings: Settings) -> Guard:
    """What the settings want before the doors, its files read. Raises SettingsError with all that is wrong."""
    access = settings.access
    mistakes: list[Mistake] = []
    tokens: list[TokenVerifier] = []
    certificate, key, client_ca = access.tls_certificate_file, access.tls_key_file, access.client_ca_file
    rules: AccessFile | None = None
    tls: TlsFiles | None = None
    if access.token_hashes_file or settings.token_hashes_file.exists():
        with _unusable_files("--token-hashes-file", mistakes):
            tokens.append(StaticTokens(settings.token_hashes_file))
    if access.access_file:
        with _unusable_files("--access-file", mistakes):
            rules = AccessFile(access.access_file)
    if certificate and key:
        with _unusable_files("--tls-certificate-file", mistakes):
            tls = TlsFiles(certificate, key, client_ca)
    has_credentials = bool(tokens or client_ca or (rules and rules.has_issuers))
    mistakes += exposure_mistakes(settings, has_credentials=has_credentials or bool(mistakes))
    if mistakes:
        raise SettingsError(mistakes)
    if not has_credentials:
        return Guard(Access(), tls)
    found = Access(
        [*tokens, rules] if rules else tokens,
        ClientCertificates() if client_ca else None,
        bindings=rules.bindings if rules else RoleBindings,
        lets_anyone_in=access.allow_anonymous,
    )
    return Guard(found, tls)


@contextlib.contextmanager
def _unusable_files(setting: str, mistakes: list[Mistake]) -> Iterator[None]:
    """Makes mistakes in a setting out of what is wrong with files that are read in the block."""
    try:
        yield
    except UnusableFile as error:
        mistakes += [Mistake(setting, str(error.path), problem, "correct the file") for problem in error.problems]


@contextlib.asynccontextmanager
async def store(settings: Settings) -> AsyncIterator[str]:
    """The DSN of the PostgreSQL to use; without one in the settings, a PostgreSQL of the server's own, with the schema.

    Raises EmbeddedPostgresError.
    """
    if settings.dsn:
        yield settings.dsn
        return
    each = settings.ingest.write_connections + settings.query.read_connections + OTHER_CONNECTIONS
    postgres = EmbeddedPostgres(settings.data_dir, pg_bin=settings.pg_bin, connections=settings.processes * each)
    async with postgres as dsn:
        await upgrade(dsn)
        yield dsn


@dataclass(frozen=True, slots=True)
class Databases:
    """The connections that write, those that ask, and those that ask a replica where there is one."""

    writing: Database
    reading: Database
    replica: Database | None


@dataclass(frozen=True, slots=True)
class Store:
    """What a server knows of its PostgreSQL, and what it holds of the graph in memory."""

    probe: PostgresProbe
    databases: Databases
    upkeep: Upkeep
    memory: GraphMemory | None


class Doors:
    """gRPC and HTTP in front of the same use cases."""

    def __init__(
        self, settings: Settings, guard: Guard, ingestion: Ingestion, store: Store, place: Place | None
    ) -> None:
        self._settings = settings
        self._guard = guard
        self._readiness = Readiness(store.probe)
        self._admission = Admission(settings.query.max_queries_in_flight)
        self._registry = self._measures(ingestion, store)
        self._shares_ports = place is not None
        self.figures = Figures(self._registry, place)
        self._ingest = IngestServicer(ingestion)
        services = _services(self._ingest, store, settings.query)
        self._grpc = self._grpc_server(services)
        self._http = self._http_server(ingestion, {service.descriptor: service.servicer for service in services})
        self._metrics = self._metrics_server()

    async def open(self) -> Addresses:
        """Begins to answer; raises OSError where an address is taken."""
        grpc, http, mtls = self._settings.grpc_address, self._settings.http_address, None
        tls = self._guard.tls
        grpc_port = self._grpc.listen(str(grpc), server_credentials(tls, ask_clients=False) if tls else None)
        if tls and (asked := self._settings.access.grpc_mtls_address):
            port = self._grpc.listen(str(asked), server_credentials(tls, ask_clients=True))
            mtls = Address(asked.host, port)
        listener = self._listen(http, "HTTP")
        metrics = await self._open_metrics()
        await self._grpc.start()
        await self._http.start(listener)
        await self._readiness.refresh(self._grpc.set_serving)
        return Addresses(Address(grpc.host, grpc_port), Address(http.host, listener.getsockname()[1]), mtls, metrics)

    async def watch_readiness(self) -> None:
        """Asks the store for as long as the server runs."""
        await self._readiness.watch(self._grpc.set_serving)

    async def close(self) -> None:
        """Takes nothing new, and answers what was taken."""
        logger.info("stopping")
        self._readiness.stop()
        self._ingest.drain()
        await asyncio.gather(self._grpc.stop(self._settings.drain_timeout_seconds), self._http.stop())
        await self._metrics.stop()

    async def _open_metrics(self) -> Address | None:
        if not (asked := self._settings.metrics_address):
            return None
        listener = self._listen(asked, "metrics")
        await self._metrics.start(listener)
        return Address(asked.host, listener.getsockname()[1])

    def _listen(self, address: Address, what: str) -> socket.socket:
        at = (address.host, address.port)
        try:
            return socket.create_server(at, family=address.family, reuse_port=self._shares_ports)
        except OSError as error:
            raise OSError(f"{what} cannot listen on {address}: {error}") from error

    def _measures(self, ingestion: Ingestion, store: Store) -> CollectorRegistry:
        databases = store.databases
        purposes = {"writing": databases.writing, "reading": databases.reading, "replica": databases.replica}
        parts = Parts(
            readiness=self._readiness,
            probe=store.probe,
            databases={purpose: database for purpose, database in purposes.items() if database},
            upkeep=store.upkeep,
            in_flight=ingestion.in_flight,
            limits=_limits(self._settings),
            admission=self._admission,
            most_questions=self._settings.query.max_queries_in_flight,
            tls=self._guard.tls,
        )
        registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        counted = EventMetrics(ingestion.counts, (GRPC_DOOR, HTTP_DOOR))
        for further in (counted, SamplingMetrics(ingestion.sampling), Standing(parts)):
            registry.register(further)
        return registry

    def _metrics_server(self) -> HttpServer:
        return HttpServer(
            create_metrics_application(self._readiness.gate, self.figures),
            drain_timeout_seconds=CLOSE_SECONDS,
            version=version(PACKAGE),
        )

    def _grpc_server(self, services: Sequence[Service]) -> GrpcServer:
        limit = self._settings.ingest.max_request_bytes
        interceptor = CallInterceptor(
            access=self._guard.access,
            gate=self._readiness.gate,
            admission=self._admission,
            metrics=CallMetrics(self._registry),
            max_request_bytes=limit,
            version=version(PACKAGE),
        )
        return GrpcServer(services, interceptor, max_message_bytes=limit, shares_port=self._shares_ports)

    def _http_server(self, ingestion: Ingestion, servicers: Mapping[ServiceDescriptor, object]) -> HttpServer:
        limits = self._settings.ingest
        backing = Backing(
            access=self._guard.access,
            ingestion=ingestion,
            questions=JsonView(
                servicers,
                gate=self._readiness.gate,
                admission=self._admission,
                timeout_seconds=self._settings.query.query_timeout_seconds,
            ),
            gate=self._readiness.gate,
            bodies=BodyReader(
                max_request_bytes=limits.max_request_bytes, max_bytes_in_flight=limits.max_bytes_in_flight
            ),
            registry=self._registry,
            figures=self.figures,
        )
        return HttpServer(
            create_application(backing),
            drain_timeout_seconds=self._settings.drain_timeout_seconds,
            version=version(PACKAGE),
            tls=server_context(self._guard.tls) if self._guard.tls else None,
        )


def _services(ingest: IngestServicer, store: Store, settings: QuerySettings) -> list[Service]:
    seconds, databases = settings.query_timeout_seconds, store.databases
    catalog = CatalogStore(databases.replica or databases.reading, databases.writing)
    lineage = LineageStore(databases.reading, databases.replica)
    pipelines = PipelineStore(databases.reading, databases.writing)
    return [
        Service(
            ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"],
            ingest,
            ingest_service_pb2_grpc.add_IngestServiceServicer_to_server,
        ),
        Service(
            catalog_service_pb2.DESCRIPTOR.services_by_name["CatalogService"],
            CatalogServicer(catalog, seconds),
            catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server,
        ),
        Service(
            lineage_service_pb2.DESCRIPTOR.services_by_name["LineageService"],
            LineageServicer(lineage, catalog, seconds, memory=store.memory, max_nodes=settings.max_nodes),
            lineage_service_pb2_grpc.add_LineageServiceServicer_to_server,
        ),
        Service(
            pipeline_service_pb2.DESCRIPTOR.services_by_name["PipelineService"],
            PipelineServicer(pipelines, seconds),
            pipeline_service_pb2_grpc.add_PipelineServiceServicer_to_server,
        ),
    ]


@contextlib.asynccontextmanager
async def _database(dsn: str, connections: int) -> AsyncIterator[Database]:
    database = await Database.open(dsn, max_connections=connections)
    try:
        yield database
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await database.close()


@contextlib.asynccontextmanager
async def _ingestion(settings: Settings, database: Database, sampling: Sampling) -> AsyncIterator[Ingestion]:
    parser = EventParser(max_event_bytes=settings.ingest.max_event_bytes)
    ingestion = Ingestion(IngestStore(database), parser, _limits(settings), sampling)
    await ingestion.start()
    try:
        yield ingestion
    finally:
        await ingestion.drain(CLOSE_SECONDS)


def _limits(settings: Settings) -> IngestLimits:
    return IngestLimits(
        events_in_flight=settings.ingest.max_events_in_flight,
        bytes_in_flight=settings.ingest.max_bytes_in_flight,
        batch_events=settings.ingest.max_batch_events,
        linger_seconds=settings.ingest.linger_milliseconds / 1000,
        keep=timedelta(days=settings.keep_events_days) if settings.keep_events_days else None,
    )


@contextlib.asynccontextmanager
async def _background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Work that goes on beside the block, and ends with it; should it fail before, the log says so at once."""
    task = asyncio.create_task(work)
    task.add_done_callback(_report)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.critical("work in the background failed", exc_info=error)
