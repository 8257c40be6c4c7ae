"""Asks a server, over gRPC, the questions of scenario files; an answer is made of the words that the files use."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from headwater.names import DatasetName, JobName, RunName
from headwater.v1 import catalog_pb2 as catalog
from headwater.v1 import catalog_service_pb2 as catalog_api
from headwater.v1 import catalog_service_pb2_grpc as catalog_stubs
from headwater.v1 import lineage_pb2 as lineage
from headwater.v1 import lineage_service_pb2 as lineage_api
from headwater.v1 import lineage_service_pb2_grpc as lineage_stubs

from .story import TEAM, names_of, run_id, time_of

Mapping = dict[str, Any]


class Asker:
    """Asks one server."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._catalog: Any = catalog_stubs.CatalogServiceStub(channel)
        self._lineage: Any = lineage_stubs.LineageServiceStub(channel)
        self._questions = {
            "upstream of": self._upstream,
            "downstream of": self._downstream,
            "links into": self._links,
            "fields into": self._fields,
            "versions of": self._versions,
            "writes of": self._writes,
            "versions of job": self._job_versions,
            "read by run": self._reads,
            "state of run": self._state,
            "parent of run": self._parent,
            "kind of": self._kind,
            "description of": self._description,
            "shown as": self._shown_as,
            "hidden": self._hidden,
        }

    async def ask(self, question: Mapping) -> object:
        """The answer to a question of a file."""
        (words,) = question.keys() & self._questions.keys()
        return await self._questions[words](question[words], question)

    async def delete(self, name: str, at: str) -> None:
        """Deletes a dataset at a time."""
        await self._catalog.DeleteAsset(catalog_api.DeleteAssetRequest(name=_dataset(name), delete_time=_time(at)))

    async def undelete(self, name: str, at: str) -> None:
        """Takes a deletion back from a time on."""
        request = catalog_api.UndeleteAssetRequest(name=_dataset(name), undelete_time=_time(at))
        await self._catalog.UndeleteAsset(request)

    async def _walk(self, asked: str, question: Mapping, direction: lineage_api.Direction.ValueType) -> Any:
        walk = lineage_api.Traversal(roots=[_root(asked)], direction=direction)
        if "as of" in question:
            walk.as_of.CopyFrom(_time(question["as of"]))
        return await self._lineage.GetLineage(lineage_api.GetLineageRequest(traversal=walk))

    async def _upstream(self, asked: str, question: Mapping) -> list[str]:
        return _others(await self._walk(asked, question, lineage_api.DIRECTION_UPSTREAM))

    async def _downstream(self, asked: str, question: Mapping) -> list[str]:
        return _others(await self._walk(asked, question, lineage_api.DIRECTION_DOWNSTREAM))

    async def _links(self, asked: str, question: Mapping) -> list[str]:
        request = lineage_api.SearchLinksRequest(target=_dataset(asked))
        if "as of" in question:
            request.as_of.CopyFrom(_time(question["as of"]))
        found = (await self._lineage.SearchLinks(request)).links
        return sorted(f"{_word(x.source)} {'~>' if x.inferred else '->'} {_word(x.target)}" for x in found)

    async def _fields(self, asked: str, question: Mapping) -> list[str]:
        walk = lineage_api.Traversal(
            roots=[_dataset(asked)],
            level=lineage_api.LEVEL_FIELD,
            direction=lineage_api.DIRECTION_UPSTREAM,
            max_depth=1,
        )
        found = (await self._lineage.GetLineage(lineage_api.GetLineageRequest(traversal=walk))).links
        return sorted(f"{_word(x.source)}.{x.source_field} -> {_word(x.target)}.{x.target_field}" for x in found)

    async def _versions(self, asked: str, question: Mapping) -> list[str]:
        request = catalog_api.ListDatasetVersionsRequest(parent=_dataset(asked))
        found = (await self._catalog.ListDatasetVersions(request)).versions
        return [" ".join(filter(None, [x.label, ", ".join(f.path for f in x.fields)])) for x in reversed(found)]

    async def _writes(self, asked: str, question: Mapping) -> list[str]:
        found = (await self._catalog.ListWrites(catalog_api.ListWritesRequest(parent=_dataset(asked)))).writes
        return [_run_word(x.run) for x in reversed(found)]

    async def _job_versions(self, asked: str, question: Mapping) -> int:
        parent = str(JobName(TEAM, asked))
        return len((await self._catalog.ListJobVersions(catalog_api.ListJobVersionsRequest(parent=parent))).versions)

    async def _run(self, asked: object) -> catalog.Run:
        found: catalog.Run = await self._catalog.GetRun(catalog_api.GetRunRequest(name=f"runs/{run_id(asked)}"))
        return found

    async def _reads(self, asked: object, question: Mapping) -> dict[str, str]:
        """What each input was bound to: the run that wrote it, or the label that names it."""
        found = (await self._run(asked)).inputs
        return {_word(x.dataset): _run_word(x.write.rsplit("/", 1)[-1]) if x.write else x.label for x in found}

    async def _state(self, asked: object, question: Mapping) -> str:
        return catalog.RunState.Name((await self._run(asked)).state).removeprefix("RUN_STATE_")

    async def _parent(self, asked: object, question: Mapping) -> str:
        return _run_word((await self._run(asked)).parent)

    async def _get(self, asked: str) -> catalog.Dataset:
        found: catalog.Dataset = await self._catalog.GetDataset(catalog_api.GetDatasetRequest(name=_dataset(asked)))
        return found

    async def _kind(self, asked: str, question: Mapping) -> str:
        return catalog.DatasetKind.Name((await self._get(asked)).kind).removeprefix("DATASET_KIND_")

    async def _description(self, asked: str, question: Mapping) -> str:
        return (await self._get(asked)).description

    async def _shown_as(self, asked: str, question: Mapping) -> str:
        return _word((await self._get(asked)).name)

    async def _hidden(self, asked: str, question: Mapping) -> bool:
        return (await self._get(asked)).HasField("delete_time")


_RUNS: dict[str, str] = {}


def know_runs(runs: set[object]) -> None:
    """Remembers which words stand for which runs, so that answers can use them."""
    _RUNS.update({run_id(run): str(run) for run in runs})


def _root(asked: str) -> str:
    """A root: a dataset, `job NAME`, or `run WORD`."""
    if asked.startswith("job "):
        return str(JobName(TEAM, asked.removeprefix("job ")))
    if asked.startswith("run "):
        return str(RunName(run_id(asked.removeprefix("run "))))
    return _dataset(asked)


def _dataset(asked: str) -> str:
    return str(DatasetName(*names_of(asked)))


def _time(text: str) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time_of(text))
    return stamp


def _others(answer: lineage_api.GetLineageResponse) -> list[str]:
    assert not answer.summary.truncated
    return sorted(_node_word(node) for node in answer.nodes if node.depth > 0)


def _node_word(node: lineage.Node) -> str:
    if node.type == lineage.NODE_TYPE_RUN:
        return f"run {_run_word(node.name)}"
    if node.type == lineage.NODE_TYPE_WRITE:
        return f"{node.display_name} by {_run_word(node.name.rsplit('/', 1)[-1])}"
    return f"job {node.display_name}" if node.type == lineage.NODE_TYPE_JOB else node.display_name


def _word(name: str) -> str:
    """What a file calls an asset."""
    if "/jobs/" in name:
        return f"job {JobName.parse(name).job}"
    return DatasetName.parse(name).dataset


def _run_word(name: str) -> str:
    run = name.removeprefix("runs/")
    return _RUNS.get(run, run)
