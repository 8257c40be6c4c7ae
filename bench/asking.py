"""What the workloads that ask have in common: questions in turn, one at a time, each answer checked."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from bench.graphs import Component
from bench.measure import Measure, Task, find_percentile
from bench.sizes import SIZES

WARMUP_QUESTIONS, WARMUP_SHARE = 3, 4
"""Before the clock starts each question is asked once, where that is no more than a quarter of what is measured; but
some questions are.
"""
Question = TypeVar("Question")


async def measure_answers(
    task: Task, node_count: int, ask: Callable[[Component], Awaitable[float]], *, streamed: bool = False
) -> Measure:
    """Measures whole answers of so many nodes of lineage, as `measure_questions` does."""
    size = SIZES[task.size]
    return await measure_questions(size.make_graph(node_count), size.questions[node_count], ask, streamed=streamed)


async def measure_questions(
    questions: Sequence[Question], count: int, ask: Callable[[Question], Awaitable[float]], *, streamed: bool = False
) -> Measure:
    """Measures so many answers, to the questions in turn.

    `ask` gets an answer and checks it; it returns the `time.perf_counter` of the first message, which counts where
    answers are streamed.
    """
    turns = itertools.cycle(questions)
    warmup = max(WARMUP_QUESTIONS, min(len(questions), count // WARMUP_SHARE))
    for question in itertools.islice(turns, warmup):
        await ask(question)
    gc.collect()
    gc.freeze()
    firsts: list[float] = []
    wholes: list[float] = []
    processor_start, start = time.process_time(), time.perf_counter()
    for question in itertools.islice(turns, count):
        asked = time.perf_counter()
        firsts.append((await ask(question) - asked) * 1000)
        wholes.append((time.perf_counter() - asked) * 1000)
    seconds = time.perf_counter() - start
    return Measure(
        total=len(wholes) + warmup,
        count=len(wholes),
        seconds=seconds,
        p50=find_percentile(wholes, 0.5),
        p99=find_percentile(wholes, 0.99),
        load_processors=(time.process_time() - processor_start) / seconds,
        first_p50=find_percentile(firsts, 0.5) if streamed else None,
        first_p99=find_percentile(firsts, 0.99) if streamed else None,
    )
