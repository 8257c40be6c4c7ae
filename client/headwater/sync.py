"""The client for programs without an event loop: the methods of `Calls`, each waiting for its answer.

Nothing is spelled twice. Over a blocking wire the coroutine of a call never suspends, so one step runs it to its end.
There is no thread and no loop behind it: calls may come from any thread, and from processes forked at any time.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from functools import wraps
from itertools import count
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, Unpack

from .client import Calls, settings_for
from .ingest import AnyEvent, as_event
from .listing import Listing, P, T
from .run import RunOptions, RunRecord
from .settings import Settings
from .stream import GROUP_BYTES, Acknowledgement
from .v1.event_pb2 import Event
from .wire import BlockingWire

A = ParamSpec("A")
R = TypeVar("R")


class SyncListing(Generic[P, T]):
    """Is a list of the server's. Iterating gives all its items; `pages` gives the answers that carry them.

    for dataset in client.datasets("s3://bucket"):
        print(dataset.display_name)
    """

    def __init__(self, listing: Listing[P, T]) -> None:
        self._listing = listing

    def pages(self, page_token: str = "") -> Iterator[P]:
        """Gives the answers, each with its items and `next_page_token`, from the page of a token on."""
        return _drain(self._listing.pages(page_token))

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from self._listing.items(page)


class SyncRun(RunRecord):
    """Is a run of a program without an event loop.

    with client.run("team/train") as run:
        run.reads("s3://bucket/clicks")
        run.writes("s3://bucket/model", kind="MODEL", metrics={"auc": 0.93})
    """

    def __enter__(self) -> Self:
        _finish(self._begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _finish(self._end(error))


def _finish(call: Coroutine[Any, Any, R]) -> R:
    try:
        call.send(None)
    except StopIteration as end:
        result: R = end.value
        return result
    call.close()
    raise RuntimeError("a call over a blocking wire must not suspend")


def _drain(items: AsyncGenerator[R, None]) -> Iterator[R]:
    try:
        while True:
            try:
                item = _finish(anext(items))
            except StopAsyncIteration:
                return
            yield item
    finally:
        _finish(items.aclose())


def _answer(
    method: Callable[Concatenate[Calls, A], Coroutine[Any, Any, R]],
) -> "Callable[Concatenate[SyncClient, A], R]":
    @wraps(method)
    def call(self: "SyncClient", /, *args: A.args, **kwargs: A.kwargs) -> R:
        return _finish(method(self._calls, *args, **kwargs))

    return call


def _answers(
    method: Callable[Concatenate[Calls, A], AsyncGenerator[R, None]],
) -> "Callable[Concatenate[SyncClient, A], Iterator[R]]":
    @wraps(method)
    def call(self: "SyncClient", /, *args: A.args, **kwargs: A.kwargs) -> Iterator[R]:
        return _drain(method(self._calls, *args, **kwargs))

    return call


def _pages(
    method: Callable[Concatenate[Calls, A], Listing[P, T]],
) -> "Callable[Concatenate[SyncClient, A], SyncListing[P, T]]":
    @wraps(method)
    def call(self: "SyncClient", /, *args: A.args, **kwargs: A.kwargs) -> SyncListing[P, T]:
        return SyncListing(method(self._calls, *args, **kwargs))

    return call


class SyncClient:
    """Talks to a Headwater server; the twin of `Client`.

    with SyncClient() as client:
        answer = client.get_lineage("s3://models/churn", direction="UPSTREAM")
    """

    def __init__(self, address: str = "", *, settings: Settings | None = None) -> None:
        self.settings = settings_for(address, settings)
        self._wire = BlockingWire(self.settings)
        self._calls = Calls(self.settings, self._wire)

    resolve_address = _answer(Calls.resolve_address)
    namespaces = _pages(Calls.namespaces)
    get_namespace = _answer(Calls.get_namespace)
    datasets = _pages(Calls.datasets)
    get_dataset = _answer(Calls.get_dataset)
    dataset_versions = _pages(Calls.dataset_versions)
    get_dataset_version = _answer(Calls.get_dataset_version)
    fields = _pages(Calls.fields)
    writes = _pages(Calls.writes)
    jobs = _pages(Calls.jobs)
    get_job = _answer(Calls.get_job)
    job_versions = _pages(Calls.job_versions)
    get_job_version = _answer(Calls.get_job_version)
    runs = _pages(Calls.runs)
    get_run = _answer(Calls.get_run)
    search_assets = _pages(Calls.search_assets)
    delete_asset = _answer(Calls.delete_asset)
    undelete_asset = _answer(Calls.undelete_asset)

    traverse_lineage = _answers(Calls.traverse_lineage)
    get_lineage = _answer(Calls.get_lineage)
    search_links = _pages(Calls.search_links)
    compare_dataset_versions = _answer(Calls.compare_dataset_versions)
    compare_times = _answer(Calls.compare_times)
    compare_runs = _answer(Calls.compare_runs)

    get_pipeline = _answer(Calls.get_pipeline)
    pipelines = _pages(Calls.pipelines)
    update_pipeline = _answer(Calls.update_pipeline)
    delete_pipeline = _answer(Calls.delete_pipeline)
    update_workloads = _answer(Calls.update_workloads)
    workloads = _pages(Calls.workloads)

    write_event = _answer(Calls.write_event)
    batch_write_events = _answer(Calls.batch_write_events)
    rejected_events = _pages(Calls.rejected_events)

    def stream(
        self, events: Iterable[AnyEvent], *, window: int = 1000, timeout_seconds: float | None = None
    ) -> Iterator[Acknowledgement]:
        """Sends any number of events, `window` of them a request, and gives an acknowledgement of each.

        The next request follows once these acknowledgements are read. For events that are at hand: where they come
        slowly, `write_event` sends each at once. `timeout_seconds` holds for a request.
        """
        identifiers = count()
        for batch in _batches(map(as_event, events), window):
            answer = self.batch_write_events(batch, timeout_seconds=timeout_seconds)
            for result in answer.results:
                yield Acknowledgement(next(identifiers), result, answer.position)

    def run(self, job: str | tuple[str, str], **options: Unpack[RunOptions]) -> SyncRun:
        """Reports a run of a job by what happens in a `with` block; see `SyncRun`. Raises InvalidName.

        The job is `namespace/name`, a tuple of both, or a name in the namespace OPENLINEAGE_NAMESPACE ("default").
        """
        return SyncRun(self._calls, job, **options)

    def close(self) -> None:
        """Closes the connection; calls in progress are cancelled."""
        _finish(self._wire.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _batches(events: Iterable[Event], window: int) -> Iterator[list[Event]]:
    batch: list[Event] = []
    size = 0
    for event in events:
        size += event.ByteSize()
        if batch and (len(batch) == window or size > GROUP_BYTES):
            yield batch
            batch, size = [], event.ByteSize()
        batch.append(event)
    if batch:
        yield batch
