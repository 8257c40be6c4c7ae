"""What the lineage workloads share: the roots of the graph asked about in turn, one question at a time."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Awaitable, Callable

from bench.graphs import Component
from bench.measure import Measure, Task, find_percentile
from bench.sizes import SIZES

WARMUP_QUESTIONS = 3


async def measure_answers(
    task: Task, node_count: int, ask: Callable[[Component], Awaitable[float]], *, streamed: bool = False
) -> Measure:
    """Measures whole answers of so many nodes.

    `ask` gets one and checks it; it returns the `time.perf_counter` of the first message, which counts where answers
    are streamed.
    """
    size = SIZES[task.size]
    roots = itertools.cycle(size.make_graph(node_count))
    for component in itertools.islice(roots, WARMUP_QUESTIONS):
        await ask(component)
    gc.collect()
    gc.freeze()
    firsts: list[float] = []
    wholes: list[float] = []
    processor_start, start = time.process_time(), time.perf_counter()
    for component in itertools.islice(roots, size.questions[node_count]):
        asked = time.perf_counter()
        firsts.append((await ask(component) - asked) * 1000)
        wholes.append((time.perf_counter() - asked) * 1000)
    seconds = time.perf_counter() - start
    return Measure(
        total=len(wholes) + WARMUP_QUESTIONS,
        count=len(wholes),
        seconds=seconds,
        p50=find_percentile(wholes, 0.5),
        p99=find_percentile(wholes, 0.99),
        load_processors=(time.process_time() - processor_start) / seconds,
        first_p50=find_percentile(firsts, 0.5) if streamed else None,
        first_p99=find_percentile(firsts, 0.99) if streamed else None,
    )
