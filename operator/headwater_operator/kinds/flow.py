"""What a run reads and writes, gathered from URIs in an object's own fields and in its annotations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..observation import Dataset
from .adapter import Cluster

INPUTS = "headwater.dev/inputs"
OUTPUTS = "headwater.dev/outputs"
_KINDS = ("TABLE", "VIEW", "TOPIC", "FILE", "FEATURE_TABLE", "MODEL", "METRICS", "ENDPOINT", "DATASET")


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI, and the kind of the dataset where it is said."""

    text: str
    kind: str = ""


def read_uris(value: object) -> list[Uri]:
    """URIs as people write them: text with commas, a JSON list as text, or a list of texts and of {uri, kind}.

    Raises ValueError that says what is wrong.
    """
    if isinstance(value, str):
        text = value.strip()
        if not text.startswith("["):
            return [Uri(each.strip()) for each in text.split(",") if each.strip()]
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError(
                'starts like a JSON list and is none: write ["s3://bucket/key"], or URIs and commas'
            ) from None
    if not isinstance(value, Sequence):
        raise ValueError(f"is no URI and no list of URIs: {str(value)[:100]}")
    return [_read_uri(each) for each in value]


def _read_uri(value: object) -> Uri:
    if isinstance(value, str) and value.strip():
        return Uri(value.strip())
    match value:
        case {"uri": str(uri), **others} if uri.strip() and others.keys() <= {"kind"}:
            kind = str(others.get("kind", "")).upper()
            if kind and kind not in _KINDS:
                raise ValueError(f"has the kind {kind[:100]}: use one of {', '.join(_KINDS)}")
            return Uri(uri.strip(), kind)
    raise ValueError(f'holds {str(value)[:100]}: an entry is a URI, or {{"uri": "s3://bucket/key", "kind": "MODEL"}}')


@dataclass(slots=True)
class Flow:
    """Gathers what a run reads and writes. What cannot be understood is said in `unknown`, once for each source."""

    cluster: Cluster
    namespace: str
    inputs: list[Dataset] = field(default_factory=list)
    outputs: list[Dataset] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def read(self, source: str, uri: object, kind: str = "") -> None:
        """Adds an input that a field of the object names; nothing where it is empty."""
        if uri:
            self._add(source, [Uri(str(uri), kind)], self.inputs)

    def add_annotations(self, annotations: Mapping[str, str]) -> None:
        """Adds what the annotations say."""
        for key, datasets in ((INPUTS, self.inputs), (OUTPUTS, self.outputs)):
            self.add_listed(f"annotation {key}", annotations.get(key), datasets)

    def add_listed(self, source: str, value: object, datasets: list[Dataset]) -> None:
        """Adds URIs as people write them to the inputs or outputs."""
        if value is None:
            return
        try:
            uris = read_uris(value)
        except ValueError as problem:
            self.unknown.append(f"{source} {problem}")
        else:
            self._add(source, uris, datasets)

    def _add(self, source: str, uris: Iterable[Uri], datasets: list[Dataset]) -> None:
        found: list[Dataset] = []
        unresolved: list[str] = []
        try:
            for uri in uris:
                dataset = self.cluster.dataset(uri.text, self.namespace, kind=uri.kind)
                if dataset is None:
                    unresolved.append(uri.text)
                else:
                    found.append(dataset)
        except ValueError as problem:
            self.unknown.append(f"{source}: {problem}")
            return
        for each in found:
            if each not in datasets:
                datasets.append(each)
        self.unresolved += [each for each in unresolved if each not in self.unresolved]
