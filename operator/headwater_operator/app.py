"""Builds the operator, connects its parts, and takes it down again. Nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import kopf

from headwater import Client
from headwater.errors import HeadwaterError
from headwater.spool import Delivery, Limits, Spool, SpoolError, SpoolFile

from .absences import Absences
from .artifact_search import ArtifactSearch
from .declarations import Declarations, Declared
from .drift import Drift
from .gaps import gap_event
from .http_door import Figure, serving
from .injection.cluster_view import ClusterView
from .injection_check import InjectionCheck
from .inventory import Inventory
from .kfp.api import KubeflowApi
from .kfp.artifact_index import ArtifactIndex
from .kfp.enrichment import Enrichment
from .kinds import ADAPTERS
from .kinds.adapter import Body, Resource
from .kubernetes_api import KubernetesApi, KubernetesApiError, find_connection
from .ledger import Account, Ledger
from .missing_pods import MissingPods
from .naming import ClusterNames
from .observation import Observation
from .owners import Owners
from .pipeline.coverage import Coverage
from .pipeline.pipeline import Pipeline
from .pipeline.status import LastRun
from .planning import Planner
from .records import Record
from .registrar import Known, Registrar
from .registration import UNAVAILABLE, Registration
from .rejections import Rejections
from .reporting import Reporter
from .settings import Settings
from .statuses import StatusWriter, Trouble
from .sweeping import LedgerKeeper, Sweep
from .watched_kinds import WatchedKinds
from .watching import PIPELINES, Watching

DRAIN_SECONDS = 3.0
"""How long the end waits for what was reported to be delivered; what is left waits on disk."""

TEND_SECONDS = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outside:
    """What the operator reaches: the cluster, the server, and what it keeps on disk."""

    api: KubernetesApi
    client: Client
    spool: Spool
    delivery: Delivery
    ledger: Ledger
    kubeflow: KubeflowApi | None


@contextlib.asynccontextmanager
async def running(
    settings: Settings, connect: Callable[[], kopf.ConnectionInfo] = find_connection
) -> AsyncIterator[Operator]:
    """An operator that works inside of the block. Raises KubernetesApiError, SpoolError, or OSError."""
    async with contextlib.AsyncExitStack() as stack:
        settings.spool_dir.mkdir(parents=True, exist_ok=True)
        file = SpoolFile(settings.spool_dir / "events.spool", Limits(max_bytes=settings.spool_bytes))
        spool = await stack.enter_async_context(Spool(file))
        ledger = stack.enter_context(Ledger(settings.spool_dir / "ledger.sqlite"))
        api = await stack.enter_async_context(KubernetesApi(connect))
        client = await stack.enter_async_context(Client(settings=settings.connection.client()))
        tell_gap = functools.partial(gap_event, cluster=settings.cluster)
        delivery = await stack.enter_async_context(Delivery(spool, client, make_gap_event=tell_gap))
        kubeflow = None
        if settings.kubeflow_api:
            kubeflow = KubeflowApi(settings.kubeflow_api, settings.kubeflow_token_file)
            stack.push_async_callback(kubeflow.close)
        operator = Operator(settings, Outside(api, client, spool, delivery, ledger, kubeflow), connect)
        operator.http = await stack.enter_async_context(
            serving(settings.http_address, operator.figures, operator.unready)
        )
        await operator.start()
        try:
            yield operator
        finally:
            await operator.stop()


class Operator:
    """The parts of the operator. Is told what is seen, and passes it on to the part that it concerns."""

    def __init__(self, settings: Settings, outside: Outside, connect: Callable[[], kopf.ConnectionInfo]) -> None:
        self.http = settings.http_address
        self._outside = outside
        self._settings = settings
        known = self._known = _nothing_known(settings)
        self.declarations = Declarations(known.cluster, known.coverage, known.kinds)
        self.reporter = Reporter(outside.spool)
        self._rejections = Rejections(outside.spool)
        self._absences = Absences(ADAPTERS, outside.ledger.accounts(), outside.ledger.watched_until)
        enrichment = Enrichment(outside.kubeflow, known.cluster) if outside.kubeflow else None
        owners = Owners(outside.api)
        self.registrar = Registrar(known, owners, self.reporter, self, enrichment)
        self._records = self.registrar.records
        self._statuses = StatusWriter(outside.api, self.declarations, self._records.of_namespace, self._absences.missed)
        self._registration = Registration(outside.client, self.declarations, known.coverage, self._status_changed)
        listers = (outside.client, outside.api)
        self._drift = Drift(listers, self.declarations, self._registration, known.coverage, settings.namespaces)
        self._inventory = Inventory(
            outside.client, known.coverage, self._records.of_namespace, settings.workloads_interval_seconds
        )
        self._search = ArtifactSearch(
            self.registrar, known, outside.client, patience_seconds=settings.artifact_wait_seconds
        )
        self.watching = Watching(self, settings.namespaces, connect, known.kinds.slim)
        self._planner = Planner(known.kinds, self.watching, outside.api, settings.namespaces, self._status_changed)
        self._injection_check = InjectionCheck(
            outside.api, owners, self.declarations, _view(settings, known), self._status_changed
        )
        self._sweep = Sweep(self.registrar, outside.api, settings.namespaces, settings.sweep_interval_seconds)
        self._missing_pods = MissingPods(self.registrar, outside.api, settings.namespaces)
        self._ledger_keeper = LedgerKeeper(outside.ledger, self.registrar.stand_ins)
        self._unkept: dict[str, Account] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins to watch, once it is known what is declared."""
        await self._outside.spool.adopt_orphans()
        await self._list_pipelines()
        resources = {each.name: each for each in self._known.kinds.resources}
        for left in self._outside.ledger.open_objects():
            if left.resource in resources:
                self._absences.note(self.registrar.remember(resources[left.resource], left))
        self._spawn(self._planner.run(self.declarations))
        self._spawn(self.watching.run())
        self._spawn(self._registration.run())
        self._spawn(self._drift.run())
        self._spawn(self._inventory.run())
        self._spawn(self._statuses.run())
        self._spawn(self._search.run())
        self._spawn(self._sweep.run(lambda: self._planner.resources))
        self._spawn(self._missing_pods.run())
        self._spawn(self._injection_check.run())
        self._spawn(self._ledger_keeper.run())
        self._spawn(self._tend())

    async def failed(self) -> None:
        """Waits for as long as every part works; raises what one of them failed with."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()

    async def stop(self) -> None:
        """Ends within a few seconds; what is not delivered by then waits on disk."""
        for each in self._tasks:
            each.cancel()
        await asyncio.wait(self._tasks)
        self._account()
        self._ledger_keeper.write()
        left = await self._outside.delivery.drain(DRAIN_SECONDS)
        if left:
            logger.info("%d events wait on disk for the next start", left)

    async def see(self, resource: Resource, body: Body, *, is_deleted: bool) -> None:
        """Passes on an object that was seen."""
        self._absences.see(resource, body, is_deleted=is_deleted)
        await self.registrar.see(resource, body, is_deleted=is_deleted)

    async def see_pipeline(self, body: Body, *, is_deleted: bool) -> None:
        """Takes a LineagePipeline as it is; one that is being deleted covers nothing any more."""
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if is_deleted or metadata.get("deletionTimestamp"):
            changed = self.declarations.remove(key, metadata["uid"])
        else:
            changed = self.declarations.put(body)
            if changed:
                self._registration.submit(key)
                self._statuses.touch(key)
        if changed:
            self._planner.revise()
            await self.registrar.reconsider(key[0])

    async def end_pipeline(self, body: Body, *, waited_seconds: float) -> bool:
        """Tells the server that a pipeline ended; whether its resource may go."""
        metadata = body["metadata"]
        namespace, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
        began = asyncio.get_running_loop().time()
        try:
            await self._registration.end(namespace, name, uid)
        except HeadwaterError as error:
            waited_seconds += asyncio.get_running_loop().time() - began
            if waited_seconds < self._settings.deletion_wait_seconds:
                return False
            self._registration.end_later(namespace, name, uid)
            message = f"the server was not told that the pipeline ended, and will be when it can be reached: {error}"
            await self._statuses.tell(Declared(namespace, name, uid, 0), Trouble(UNAVAILABLE, message))
        return True

    def record_changed(self, record: Record) -> None:
        """Passes on that a record changed."""
        self._absences.note(record)
        if record.gone_at is not None and self._absences.forget(record.uid):
            with contextlib.suppress(OSError):  # it is never asked for again
                self._outside.ledger.forget(record.uid)
        self._ledger_keeper.touch(record)
        self._inventory.touch(record.namespace)
        self._injection_check.touch(record.namespace)
        told = len(record.runs) - record.runs_told
        record.runs_told = len(record.runs)
        for observation, match in zip(record.observations, record.matches, strict=True):
            for pipeline in (match.pipeline, *match.shadowed):
                declared = self.declarations.get((pipeline.namespace, pipeline.name)) if pipeline else None
                if declared is None:
                    continue
                self._statuses.touch(declared.key)
                if pipeline is not None and pipeline is match.pipeline:
                    declared.runs, told = declared.runs + told, 0
                    self._note_last_run(declared, observation, pipeline)

    @property
    def waiting(self) -> int:
        """How many events wait for the server."""
        return self._outside.spool.figures.depth

    def unready(self) -> str:
        """Why the operator is not ready; nothing where it is."""
        return "" if self.watching.is_watching else "the cluster is not watched yet"

    def figures(self) -> Iterable[Figure]:
        """What is told by /metrics."""
        state = self._outside.delivery.state()
        spool = state.figures
        yield Figure("changes", "Changes of objects that were seen.", self.registrar.changes, is_counter=True)
        yield Figure("objects", "Objects that are remembered.", len(self._records))
        yield Figure("pipelines", "LineagePipelines that are there.", len(self.declarations))
        yield Figure("events_reported", "Events that were put into the spool.", self.reporter.reported, is_counter=True)
        yield Figure("events_delivered", "Events that the server has.", spool.delivered, is_counter=True)
        yield Figure("events_rejected", "Events that the server will never take.", spool.rejected, is_counter=True)
        yield Figure("events_dropped", "Events that were dropped for want of room.", spool.dropped, is_counter=True)
        yield Figure("spool_items", "Events that wait for the server.", spool.depth)
        yield Figure("spool_bytes", "Bytes of the events that wait.", spool.size)
        yield Figure("spool_oldest_seconds", "How long the first of them has waited.", spool.oldest_seconds)
        yield Figure("needs_attention", "Whether the server refuses the operator.", float(state.needs_attention))
        yield Figure("watching", "Whether the cluster is watched.", float(self.watching.is_watching))
        yield Figure("watch_restarts", "How often watching ended by itself.", self.watching.restarts, is_counter=True)
        yield Figure("unseen_deletions", "Objects that went unseen.", self._sweep.found_gone, is_counter=True)
        requests: dict[str, float] = dict(self._outside.api.requests)
        meaning = "Calls to the API server beside watching."
        yield Figure("kubernetes_requests", meaning, requests, is_counter=True, label="purpose")

    def _note_last_run(self, declared: Declared, observation: Observation, pipeline: Pipeline) -> None:
        run = observation.run
        if run is None:
            return
        time = run.ended_at or run.running_at or run.started_at
        if declared.last_run is not None and declared.last_run.time > time:
            return
        job = self._known.coverage.job_name(observation.job.name, observation.chain, pipeline)
        declared.last_run = LastRun(job=job.name, run_id=str(run.run_id), state=run.state.value, time=time)

    async def _list_pipelines(self) -> None:
        """Learns what is declared before anything is watched, so that nothing has to be looked at twice."""
        for namespace in self._settings.namespaces or ("",):
            try:
                async for body in self._outside.api.list_objects(PIPELINES, namespace):
                    await self.see_pipeline(body, is_deleted=False)
            except KubernetesApiError as error:
                if error.status == 404:
                    logger.warning("LineagePipeline is not known to the cluster yet: apply its CRD")
                elif error.status == 0:
                    raise
                else:
                    logger.warning("LineagePipelines were not listed: %s", error)

    def _status_changed(self, declared: Declared) -> None:
        self._statuses.touch(declared.key)

    async def _tend(self) -> None:
        """Reports again what could not be kept, and tells of what was rejected, for as long as the operator runs."""
        while True:
            await asyncio.sleep(TEND_SECONDS)
            await self.registrar.report_again()
            self._account()
            try:
                await self._rejections.look()
            except SpoolError as error:
                logger.warning("what was rejected cannot be read: %s", error)
            for declared in self.declarations:
                rejection = self._rejections.of(declared.uid)
                if rejection != declared.rejection:
                    declared.rejection = rejection
                    self._status_changed(declared)

    def _account(self) -> None:
        """Counts the runs that nobody saw, and tells the pipelines of those that have others now."""
        changed = self._absences.settle()
        self._unkept |= changed
        try:
            self._outside.ledger.keep(self._unkept.values())
        except OSError as error:
            logger.warning("which runs were missed is written down later: %s", error)
        else:
            self._unkept.clear()
        for uid in changed:
            record = self._records.get(uid)
            for match in record.matches if record else ():
                if match.pipeline is not None:
                    self._statuses.touch((match.pipeline.namespace, match.pipeline.name))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(_report)
        self._tasks.append(task)


def _nothing_known(settings: Settings) -> Known:
    artifacts = ArtifactIndex()
    cluster = ClusterNames(settings.cluster, settings.object_store, artifacts.lookup)
    return Known(cluster, Coverage(settings.cluster), WatchedKinds(ADAPTERS), artifacts)


def _view(settings: Settings, known: Known) -> ClusterView:
    """The cluster as injection is decided on, from what the operator knows anyway."""
    view = ClusterView(settings.cluster)
    view.coverage, view.kinds = known.coverage, known.kinds
    return view


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.critical("a part of the operator failed", exc_info=error)
