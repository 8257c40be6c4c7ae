"""Reads what an event states about its job and datasets; see `statement`.

What was read lately is known again by its bytes: a job says the same thing run after run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Raw

from . import ids
from .asset_parser import AssetJson, Labels, check_name, invalid, stated_dataset, stated_job
from .errors import TooLarge
from .facets import MAX_NAME_BYTES
from .identity import EMPTY, MISSING, canonical, canonical_object, hash_of
from .mentions import mentioned_datasets, mentioned_jobs, mentioned_paths
from .model import AssetName
from .remembered import Remembered
from .statement import Role, StatedDataset, StatedJob, Statement

MAX_DATASETS = 10_000
"""How many datasets one event may name."""
MAX_LINKS = 250_000
"""How many pairs of input and output one event may have."""
REMEMBERED_BYTES = 4 << 20
"""How much text is remembered, of jobs and of datasets, with what it states."""
REMEMBERED_STATEMENTS = 4_000
Members = dict[str, Raw]
"""A JSON object, not read further."""
ASSET_MEMBERS = ("namespace", "name", "facets")
"""The members of a job or dataset that state something; the others are of this one event."""


class DatasetsPart(NamedTuple):
    """Datasets of one role in an event: their hash, and what is stated of them. `key` tells what they state.

    `elements` are there if any has members that state nothing: of each the hash of what it states, and these members.
    """

    hash: bytes
    datasets: tuple[StatedDataset, ...] = ()
    labels: Labels = ()
    key: tuple[int, ...] = ()
    elements: tuple[tuple[bytes, Members], ...] = ()


NO_DATASETS = DatasetsPart(MISSING)
PATHS = {Role.INPUT: "inputs", Role.OUTPUT: "outputs"}
_decode_members: Callable[[bytes | Raw], Members | None] = msgspec.json.Decoder(Members | None).decode
_decode_elements = msgspec.json.Decoder(list[Members] | None).decode
_decode_asset = msgspec.json.Decoder(AssetJson).decode


class StatementParser:
    """Parses what events state, and remembers it. All methods raise InvalidEvent or TooLarge with the field, and
    msgspec.DecodeError, UnicodeError or RecursionError where a part is no JSON.
    """

    def __init__(self) -> None:
        self._arrays: Remembered[DatasetsPart] = Remembered(REMEMBERED_BYTES)
        self._datasets: Remembered[DatasetsPart] = Remembered(REMEMBERED_BYTES)
        self._statements: Remembered[Statement] = Remembered(REMEMBERED_STATEMENTS)

    def job(self, json: Raw) -> StatedJob | None:
        """What is stated of a job; None for null."""
        members = _members(json, "job")
        return stated_job(_asset(members, "job")) if members is not None else None

    def subject(self, json: Raw) -> DatasetsPart | None:
        """What is stated of the dataset that an event is about; None for null."""
        members = _members(json, "dataset")
        return _together([self._dataset(members, Role.SUBJECT, "dataset")], [EMPTY]) if members is not None else None

    def datasets(self, json: Raw, role: Role) -> DatasetsPart:
        """What is stated of an array of datasets."""
        key = (role, bytes(json))
        found = self._arrays.get(key)
        if found is not None:
            return found
        path = PATHS[role]
        try:
            elements = _decode_elements(json)
        except msgspec.ValidationError as error:
            raise invalid(error, path) from None
        if elements is None:
            return DatasetsPart(hash_of(canonical(json)))
        if len(elements) > MAX_DATASETS:
            raise TooLarge("inputs and outputs", len(elements), MAX_DATASETS, "datasets")
        parts = [self._dataset(members, role, f"{path}[{index}]") for index, members in enumerate(elements)]
        rests = [canonical_object(members) if members else EMPTY for members in elements]
        found = _together(parts, rests)
        if any(elements):
            hashes = [part.hash for part in parts]
            return found._replace(elements=tuple(zip(hashes, elements, strict=True)))
        return self._arrays.put(key, found, len(key[1]))

    def statement(
        self,
        job: StatedJob | None,
        inputs: DatasetsPart = NO_DATASETS,
        outputs: DatasetsPart = NO_DATASETS,
        subject: DatasetsPart = NO_DATASETS,
    ) -> Statement:
        """The statement that the parts of an event make."""
        _check_size(inputs, outputs)
        key = (job and (job.id, job.content.id), inputs.key, outputs.key, subject.key)
        found = self._statements.get(key)
        if found is not None:
            return found
        datasets = tuple(_merged([*inputs.datasets, *outputs.datasets, *subject.datasets]))
        return self._statements.put(key, _statement(job, datasets))

    def _dataset(self, members: Members, role: Role, path: str) -> DatasetsPart:
        """What an element states; the members that state it are taken out of the element."""
        stating = {name: members.pop(name) for name in ASSET_MEMBERS if name in members}
        texts = tuple(map(bytes, stating.values()))
        key = (role, *texts) if len(texts) == len(ASSET_MEMBERS) else (role, tuple(stating), *texts)
        found = self._datasets.get(key)
        if found is not None:
            return found
        dataset, labels = stated_dataset(_asset(stating, path), role, path)
        part = DatasetsPart(hash_of(canonical_object(stating)), (dataset,), labels, (dataset.id, dataset.content.id))
        return self._datasets.put(key, part, sum(map(len, texts)))


def parse_source(source: bytes) -> Statement:
    """The statement that was kept as its source."""
    parser, members = StatementParser(), _decode_members(source) or {}
    inputs, outputs = (
        parser.datasets(members[PATHS[role]], role) if PATHS[role] in members else NO_DATASETS
        for role in (Role.INPUT, Role.OUTPUT)
    )
    subject = parser.subject(members["dataset"]) if "dataset" in members else None
    job = parser.job(members["job"]) if "job" in members else None
    return parser.statement(job, inputs, outputs, subject or NO_DATASETS)


def _members(json: Raw, path: str) -> Members | None:
    try:
        return _decode_members(json)
    except msgspec.ValidationError as error:
        raise invalid(error, path) from None


def _asset(members: Members, path: str) -> AssetJson:
    """The job or dataset that an object states something of."""
    found = [b'"%b":%b' % (name.encode(), bytes(members[name])) for name in ASSET_MEMBERS if name in members]
    try:
        return _decode_asset(b"{" + b",".join(found) + b"}")
    except msgspec.ValidationError as error:
        raise invalid(error, path) from None


def _together(parts: Sequence[DatasetsPart], rests: Sequence[bytes]) -> DatasetsPart:
    if len(parts) == 1:
        part = parts[0]
        return DatasetsPart(hash_of(part.hash + rests[0]), part.datasets, part.labels, part.key)
    return DatasetsPart(
        hash_of(b"".join([part.hash + rest for part, rest in zip(parts, rests, strict=True)])),
        tuple([dataset for part in parts for dataset in part.datasets]),
        tuple([label for part in parts for label in part.labels]),
        tuple([key for part in parts for key in part.key]),
    )


def _check_size(inputs: DatasetsPart, outputs: DatasetsPart) -> None:
    read, written = len(inputs.datasets), len(outputs.datasets)
    if read + written > MAX_DATASETS:
        raise TooLarge("inputs and outputs", read + written, MAX_DATASETS, "datasets")
    if read * written > MAX_LINKS:
        raise TooLarge("inputs and outputs", read * written, MAX_LINKS, "links")


def _merged(datasets: list[StatedDataset]) -> list[StatedDataset]:
    """One entry for a dataset and role; an event may name a dataset twice.

    What is reported holds over what is declared, then the one with more facets.
    """
    best: dict[tuple[int, Role], StatedDataset] = {}
    for dataset in datasets:
        known = best.get((dataset.id, dataset.role))
        if known is None or _weight(dataset) > _weight(known):
            best[dataset.id, dataset.role] = dataset
    return list(best.values())


def _weight(dataset: StatedDataset) -> tuple[bool, int, int]:
    return not dataset.is_declared, len(dataset.facets), dataset.content.id


def _statement(job: StatedJob | None, datasets: tuple[StatedDataset, ...]) -> Statement:
    ordered = tuple(sorted(datasets, key=lambda d: (d.role, d.name)))
    source = _source(job, ordered)
    mentioned = {dataset.id: dataset.name for dataset in ordered}
    for name in mentioned_datasets(job, ordered):
        mentioned.setdefault(ids.dataset_id(*name), name)
    jobs = {ids.job_id(*name): name for name in mentioned_jobs(job, ordered)}
    if len(source) > MAX_NAME_BYTES or b"\\u0000" in source:
        _check_names([*mentioned.values(), *jobs.values()], mentioned_paths(job, ordered))
    return Statement(ids.hash64(b"statement", source), job, ordered, source, mentioned, jobs)


def _check_names(names: Iterable[AssetName], paths: Iterable[str]) -> None:
    for name in names:
        check_name(name.namespace, "a namespace in a facet")
        check_name(name.name, "a name in a facet")
    for path in paths:
        check_name(path, "a field in a facet")


def _source(job: StatedJob | None, datasets: tuple[StatedDataset, ...]) -> bytes:
    def asset(item: StatedJob | StatedDataset) -> bytes:
        namespace, name = msgspec.json.encode(item.name.namespace), msgspec.json.encode(item.name.name)
        return b'{"namespace":%b,"name":%b,"facets":%b}' % (namespace, name, item.content.json)

    def group(role: Role) -> bytes:
        return b",".join(asset(item) for item in datasets if item.role is role)

    parts = [b'"job":' + asset(job)] if job else []
    parts += [b'"inputs":[%b],"outputs":[%b]' % (group(Role.INPUT), group(Role.OUTPUT))]
    if subject := group(Role.SUBJECT):
        parts.append(b'"dataset":' + subject)
    return b"{" + b",".join(parts) + b"}"
