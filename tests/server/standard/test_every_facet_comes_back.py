"""Every facet of the standard, and an unknown one, comes back byte for byte from the asset that it was sent with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from headwater.names import DatasetName, JobName
from headwater.v1 import catalog_pb2, catalog_service_pb2
from headwater.v1.event_pb2 import EventResult

from .conftest import Service

FULL = catalog_service_pb2.ASSET_VIEW_FULL
UNKNOWN = b'{"_producer": "x",  "odd" :[1, 2.50, {"\\u00e9": null} ],"big":12345678901234567890}'


@dataclass(frozen=True)
class Fixture:
    """One facet as a fixture file has it, and the part of an event that it belongs to."""

    file: str
    facet: str
    json: bytes
    part: str

    @property
    def name(self) -> str:
        """A name of its own for the run, job and dataset that the facet is sent with."""
        return f"{self.file}.{self.part}"

    @property
    def run(self) -> str:
        """The id of the run."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.name))

    def event(self) -> bytes:
        """An event with the facet in its place."""
        facets = b"{%b:%b}" % (msgspec.json.encode(self.facet), self.json)
        own = {part: facets if part == self.part else b"{}" for part in ("run", "job", "dataset", "input", "output")}
        name = msgspec.json.encode(self.name)
        dataset = b'"namespace":"file","name":%b,"facets":%b' % (name, own["dataset"])
        return (
            b'{"eventTime":"2026-03-02T10:00:00Z","eventType":"COMPLETE","run":{"runId":"%b","facets":%b},'
            b'"job":{"namespace":"team","name":%b,"facets":%b},'
            b'"inputs":[{%b,"inputFacets":%b}],"outputs":[{%b,"outputFacets":%b}]}'
        ) % (self.run.encode(), own["run"], name, own["job"], dataset, own["input"], dataset, own["output"])


def fixtures(folder: Path) -> Iterator[Fixture]:
    """Every facet under `tests`, in every part of an event that it may stand in."""
    for file in sorted(folder.glob("tests/*Facet/*.json")):
        for facet, json in msgspec.json.decode(file.read_bytes(), type=dict[str, Raw]).items():
            for part in _parts(file, json):
                yield Fixture(f"{file.parent.name}-{file.stem}", facet, bytes(json), part)
    for part in ("run", "job", "dataset", "input", "output"):
        yield Fixture("unknown", "acme_unheardOf", UNKNOWN, part)


def _parts(file: Path, json: Raw) -> list[str]:
    kind = file.parent.name.removesuffix("Facet")
    if kind == "BaseSubsetDataset":
        return ["input"] if b"inputCondition" in bytes(json) else ["output"]
    if kind == "Lineage":
        return ["job"] if b"entries" in bytes(json) else ["dataset"]
    for ending, part in (("InputDataset", "input"), ("OutputDataset", "output"), ("Dataset", "dataset")):
        if kind.endswith(ending):
            return [part]
    return ["run"] if kind.endswith("Run") else ["job"]


async def test_every_facet_comes_back_byte_for_byte(service: Service, open_lineage: Path) -> None:
    sent = list(fixtures(open_lineage))
    results = await service.send(*(fixture.event() for fixture in sent))
    assert {fixture.name: result.message for fixture, result in zip(sent, results, strict=True) if result.message} == {}
    lost = [fixture.name for fixture in sent if await _stored(service, fixture) != fixture.json]
    assert lost == []


async def test_every_whole_event_of_the_standard_is_accepted(service: Service, open_lineage: Path) -> None:
    results = await service.send((open_lineage / "tests" / "example_full_event.json").read_bytes())
    assert [result.outcome for result in results] == [EventResult.OUTCOME_ACCEPTED], results


async def _stored(service: Service, fixture: Fixture) -> bytes | None:
    found: dict[str, bytes] = {facet.name: facet.json for facet in await _facets(service, fixture)}
    return found.get(fixture.facet)


async def _facets(service: Service, fixture: Fixture) -> list[catalog_pb2.Facet]:
    if fixture.part == "job":
        request = catalog_service_pb2.GetJobRequest(name=str(JobName("team", fixture.name)), view=FULL)
        return list((await service.catalog.GetJob(request)).facets)
    if fixture.part == "dataset":
        dataset = catalog_service_pb2.GetDatasetRequest(name=str(DatasetName("file", fixture.name)), view=FULL)
        return list((await service.catalog.GetDataset(dataset)).facets)
    run: Any = await service.catalog.GetRun(catalog_service_pb2.GetRunRequest(name=f"runs/{fixture.run}", view=FULL))
    if fixture.part == "run":
        return list(run.facets)
    return list((run.inputs if fixture.part == "input" else run.outputs)[0].facets)
