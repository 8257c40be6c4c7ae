"""Figures of several processes in one text."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from headwater_server.gateway.figures import Figures, Place, merge


def registry(calls: int, *methods: str) -> CollectorRegistry:
    found = CollectorRegistry()
    Gauge("ready", "Whether.", registry=found).set(1)
    counter = Counter("calls", "Calls\nthat ended.", ("method",), registry=found)
    seconds = Histogram("seconds", "How long.", ("method",), buckets=(1,), registry=found)
    for method in methods:
        counter.labels(method).inc(calls)
        seconds.labels(method).observe(0.5)
    return found


def test_each_sample_says_whose_it_is_and_nothing_else_changes() -> None:
    own = {0: registry(3, 'a "b" {c} d'), 1: registry(5, "a", "b c")}
    merged = list(
        text_string_to_metric_families(merge({number: generate_latest(each).decode() for number, each in own.items()}))
    )
    names = [family.name for family in merged]
    assert len(names) == len(set(names))
    for number, each in own.items():
        for family in text_string_to_metric_families(generate_latest(each).decode()):
            (found,) = (other for other in merged if other.name == family.name)
            assert (found.type, found.documentation) == (family.type, family.documentation)
            for sample in family.samples:
                labels = {**sample.labels, "process": str(number)}
                assert sample.value in [
                    one.value for one in found.samples if (one.name, one.labels) == (sample.name, labels)
                ]
    assert sum(len(family.samples) for family in merged) == sum(
        len(family.samples)
        for each in own.values()
        for family in text_string_to_metric_families(generate_latest(each).decode())
    )


async def test_one_that_does_not_answer_is_left_out_and_missed(tmp_path: Path) -> None:
    first, second = (Figures(registry(number, "a"), Place(number, 3, tmp_path)) for number in range(2))
    async with first.told(), second.told():
        texts = await asyncio.gather(first.text(), second.text())
    assert texts[0] == texts[1]
    lines = texts[0].decode().splitlines()
    assert {'ready{process="0"} 1.0', 'ready{process="1"} 1.0'} <= set(lines)
    assert {"headwater_processes 3.0", "headwater_processes_answering 2.0"} <= set(lines)
    assert "headwater_processes_answering 1.0" in (await second.text()).decode()


async def test_a_process_alone_tells_what_it_counted(tmp_path: Path) -> None:
    own = registry(1, "a")
    figures = Figures(own, None)
    async with figures.told():
        assert await figures.text() == generate_latest(own)
