"""What one workload did in one round, and the clock that it is taken with."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


class WorkloadError(Exception):
    """A workload did not get the answer that it must get."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker process is told."""

    workload: str
    size: str
    round: int
    grpc_address: str
    http_address: str
    dsn: str
    """The scratch database of the baselines."""
    server_dsn: str = ""
    """The database of the server, for what cannot be asked or done through its doors."""

    store_events: int = 0
    """How many events the server's store was filled with."""
    trace: str = ""
    """The name of the trace, where it is not that of the workload."""

    @property
    def trace_name(self) -> str:
        """The seed of this task's trace, so that no other task sends the same runs."""
        return self.trace or f"{self.workload}/{self.round}"


@dataclass(frozen=True, slots=True)
class Measure:
    """What a worker process answers. Latencies are milliseconds."""

    total: int
    """Events acknowledged, or questions answered, those of the warm-up and the last ones included."""
    count: int
    """Events acknowledged, or questions answered, while the clock ran."""
    seconds: float
    p50: float
    p99: float
    first_p50: float | None = None
    """The median time to the first message of a streamed answer."""
    first_p99: float | None = None
    load_processors: float = 0
    """Processors that the worker itself kept busy: near 1, it is the load and not the server that is measured."""
    notes: dict[str, float] = field(default_factory=dict)
    """Further numbers, by name."""

    @property
    def rate(self) -> float:
        """Events or answers a second."""
        return self.count / self.seconds

    def read(self, what: str) -> float | None:
        """The number of that name, of a note too; None where there is none."""
        found: float | None = self.notes.get(what) if what in self.notes else getattr(self, what, None)
        return found


def find_percentile(values: Sequence[float], share: float) -> float:
    """The least of the values that at least this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


class IngestClock:
    """Counts acknowledgements between the end of a warm-up and the end of the time for sending.

    What is acknowledged later counts in the total and is not measured: the last requests of a run meet a server that
    is no longer busy. The last acknowledgement is the end where everything was sent earlier, or where nothing was
    acknowledged in time, so that a slow server has a rate too.
    """

    def __init__(self, *, seconds: float, warmup_seconds: float) -> None:
        self._start = time.perf_counter()
        self._processor_start = time.process_time()
        self._warm = self._start + warmup_seconds
        self._deadline = self._start + seconds
        self._acknowledged: list[tuple[float, int, float]] = []

    def is_over(self) -> bool:
        """Whether nothing more is to be sent."""
        return time.perf_counter() >= self._deadline

    def acknowledge(self, events: int, sent: float) -> None:
        """Records that so many events, sent at that time of `time.perf_counter`, are acknowledged now."""
        now = time.perf_counter()
        self._acknowledged.append((now, events, now - sent))

    @property
    def warm(self) -> float:
        """The end of the warm-up, by `time.perf_counter`, which all processes of the machine share."""
        return self._warm

    def read(self, **notes: float) -> Measure:
        """The measure, once everything is acknowledged."""
        last = max((at for at, _, _ in self._acknowledged), default=self._start)
        if last <= self._warm:
            raise WorkloadError("Nothing was acknowledged after the warm-up.")
        end = min(self._deadline, last)
        if not any(self._warm < at <= end for at, _, _ in self._acknowledged):
            end = last
        # Of all that was sent after the warm-up: to leave out what was acknowledged late would leave out what was slow.
        sent_warm = [latency for at, _, latency in self._acknowledged if at - latency >= self._warm]
        latencies = [latency * 1000 for latency in sent_warm or (latency for _, _, latency in self._acknowledged)]
        return Measure(
            total=sum(events for _, events, _ in self._acknowledged),
            count=sum(events for at, events, _ in self._acknowledged if self._warm < at <= end),
            seconds=end - self._warm,
            p50=find_percentile(latencies, 0.5),
            p99=find_percentile(latencies, 0.99),
            load_processors=(time.process_time() - self._processor_start) / (time.perf_counter() - self._start),
            notes=notes,
        )
