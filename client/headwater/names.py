"""Names of assets: resource names of the API, and how people write them.

A resource name is a path of percent-encoded segments. An address is what a person types: namespace and name joined by
`/` as they read it, with `@version` and `#field` where they are wanted. This module is pure and knows no store: an
address only yields candidates, and which of them exists is the server's answer.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import ClassVar, Self
from urllib.parse import quote, unquote

ALL_NAMESPACES = "namespaces/-"
LATEST = "latest"
MAX_SPLITS = 256

_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+")
_MARK = re.compile(r"(\\*)([@#])")
_URI = re.compile(r"([^/]+://[^/]*)/(.+)", re.DOTALL)
_HDFS = "hdfs://"


class InvalidName(ValueError):
    """Says that a text is no name, and why. `text` is what was given."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(text, problem)
        self.text = text
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.text[:200]!r} {self.problem}"


@lru_cache(4096)
def _quote(part: str) -> str:
    """The part of a name as a segment; namespaces come again and again."""
    return quote(part, safe="")


@dataclass(frozen=True, slots=True)
class ResourceName:
    """Names one thing of the API. `str()` gives the resource name, `parse` takes it apart.

    >>> str(DatasetName("s3://bucket", "raw/clicks"))
    'namespaces/s3%3A%2F%2Fbucket/datasets/raw%2Fclicks'
    """

    collections: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        parts: tuple[str, ...] = self.__slots__
        named = zip(self.collections, parts, strict=True)
        return "/".join([f"{collection}/{_quote(getattr(self, part))}" for collection, part in named])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a resource name of this kind. Raises InvalidName, also for a name of another kind."""
        name = parse_name(text)
        if not isinstance(name, cls):
            raise InvalidName(text, f"must look like {'/…/'.join(cls.collections)}/…")
        return name


@dataclass(frozen=True, slots=True)
class NamespaceName(ResourceName):
    """`namespaces/{namespace}`."""

    collections: ClassVar = ("namespaces",)
    namespace: str


@dataclass(frozen=True, slots=True)
class DatasetName(ResourceName):
    """`namespaces/{namespace}/datasets/{dataset}`."""

    collections: ClassVar = ("namespaces", "datasets")
    namespace: str
    dataset: str


@dataclass(frozen=True, slots=True)
class DatasetVersionName(ResourceName):
    """`namespaces/{namespace}/datasets/{dataset}/versions/{version}`; the version `latest` is the one in force."""

    collections: ClassVar = ("namespaces", "datasets", "versions")
    namespace: str
    dataset: str
    version: str


@dataclass(frozen=True, slots=True)
class WriteName(ResourceName):
    """`namespaces/{namespace}/datasets/{dataset}/writes/{run}`."""

    collections: ClassVar = ("namespaces", "datasets", "writes")
    namespace: str
    dataset: str
    run: str


@dataclass(frozen=True, slots=True)
class JobName(ResourceName):
    """`namespaces/{namespace}/jobs/{job}`."""

    collections: ClassVar = ("namespaces", "jobs")
    namespace: str
    job: str


@dataclass(frozen=True, slots=True)
class JobVersionName(ResourceName):
    """`namespaces/{namespace}/jobs/{job}/versions/{version}`; the version `latest` is the one in force."""

    collections: ClassVar = ("namespaces", "jobs", "versions")
    namespace: str
    job: str
    version: str


@dataclass(frozen=True, slots=True)
class PipelineName(ResourceName):
    """`namespaces/{namespace}/pipelines/{pipeline}`."""

    collections: ClassVar = ("namespaces", "pipelines")
    namespace: str
    pipeline: str


@dataclass(frozen=True, slots=True)
class RunName(ResourceName):
    """`runs/{run}`."""

    collections: ClassVar = ("runs",)
    run: str


_KINDS: dict[tuple[str, ...], type[ResourceName]] = {
    kind.collections: kind
    for kind in (
        NamespaceName,
        DatasetName,
        DatasetVersionName,
        WriteName,
        JobName,
        JobVersionName,
        PipelineName,
        RunName,
    )
}


def parse_name(text: str) -> ResourceName:
    """Reads a resource name of any kind. Raises InvalidName.

    >>> parse_name("namespaces/team/jobs/train")
    JobName(namespace='team', job='train')
    """
    segments = text.split("/")
    kind = _KINDS.get(tuple(segments[::2]))
    if kind is None or len(segments) % 2:
        raise InvalidName(text, "is no resource name")
    return kind(*(_decode(text, segment) for segment in segments[1::2]))


def _decode(text: str, segment: str) -> str:
    if not _SEGMENT.fullmatch(segment):
        raise InvalidName(text, "has a segment that is empty or not percent-encoded")
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise InvalidName(text, "holds percent-encoded bytes that are not UTF-8") from None


@dataclass(frozen=True, slots=True)
class Address:
    """Is what an address may mean: every way to cut `bare` into namespace and name, from the left.

    `bare` is the address without version and field and with its escapes taken away; alone it may be a bare name.
    """

    bare: str
    splits: tuple[tuple[str, str], ...]
    version: str | None = None
    field: str | None = None


def address_candidates(text: str) -> Address:
    r"""Takes an address apart: `namespace/name[@version][#field]`.

    `\@` and `\#` are plain characters. A backslash anywhere else is one too; directly before a `@` or `#`, `\\` is one
    backslash. Raises InvalidName where a part is empty, a mark comes twice or `#` before `@`, or the text has more than
    256 slashes.

    >>> address_candidates("file//data/x@3").splits
    (('file', '/data/x'), ('file/', 'data/x'), ('file//data', 'x'))
    """
    parts, marks = _cut(text)
    if marks not in ("", "@", "#", "@#"):
        raise InvalidName(text, r"must read namespace/name@version#field; write \@ and \# for the plain characters")
    if not all(parts):
        raise InvalidName(text, "has an empty part")
    found = dict(zip(marks, parts[1:], strict=True))
    bare = parts[0]
    slashes = [index for index, character in enumerate(bare) if character == "/"]
    if len(slashes) > MAX_SPLITS:
        raise InvalidName(text, f"has more than {MAX_SPLITS} slashes")
    splits = tuple((bare[:i], bare[i + 1 :]) for i in slashes if 0 < i < len(bare) - 1)
    return Address(bare, splits, found.get("@"), found.get("#"))


def _cut(text: str) -> tuple[list[str], str]:
    parts, marks, end = [""], "", 0
    for match in _MARK.finditer(text):
        backslashes, mark = match.groups()
        parts[-1] += text[end : match.start()] + "\\" * (len(backslashes) // 2)
        if len(backslashes) % 2:
            parts[-1] += mark
        else:
            parts.append("")
            marks += mark
        end = match.end()
    parts[-1] += text[end:]
    return parts, marks


def format_address(namespace: str, name: str, version: str | None = None, field: str | None = None) -> str:
    r"""Writes an asset as a person reads it, so that `address_candidates` finds it again.

    >>> format_address("s3://bucket", "me@home.csv", version="3")
    's3://bucket/me\\@home.csv@3'
    """
    text = _escape(f"{namespace}/{name}")
    for mark, part in (("@", version), ("#", field)):
        if part:
            text = re.sub(r"\\+\Z", lambda run: run[0] * 2, text) + mark + _escape(part)
    return text


def _escape(text: str) -> str:
    return _MARK.sub(lambda match: match[1] * 2 + "\\" + match[2], text)


def dataset_name(text: str | PurePath | tuple[str, str]) -> DatasetName:
    """Names a dataset as its producer does: where it is written or read, `@` and `#` being plain characters.

    `scheme://authority` is the namespace and the rest the name, which of `hdfs://` keeps its slash, since Spark and
    Hadoop name it so; a `Path`, or a text that starts with `/`, is a file; of any other text the first `/` ends the
    namespace; a tuple is (namespace, name). Raises InvalidName.

    >>> dataset_name("postgres://db:5432/shop.public.users")
    DatasetName(namespace='postgres://db:5432', dataset='shop.public.users')
    >>> dataset_name("file:///data/x") == dataset_name("/data/x") == dataset_name(("file", "/data/x"))
    True
    """
    if isinstance(text, tuple):
        return DatasetName(*_both(text, "/".join(text)))
    if isinstance(text, PurePath):
        return DatasetName("file", text.as_posix())
    path = text.removeprefix("file://")
    if path.startswith("/"):
        return DatasetName("file", path)
    if match := _URI.fullmatch(text):
        return DatasetName(match[1], f"/{match[2]}" if text.startswith(_HDFS) else match[2])
    namespace, _, name = ("", "", "") if "://" in text else text.partition("/")
    return DatasetName(*_both((namespace, name), text))


def job_name(text: str | tuple[str, str], default_namespace: str = "") -> JobName:
    """Names a job as its producer does: the last `/` ends the namespace; a tuple is (namespace, name).

    A text without `/` is a job of the default namespace. Raises InvalidName, also where that is needed and empty.

    >>> job_name("k8s://cluster/ml/train")
    JobName(namespace='k8s://cluster/ml', job='train')
    """
    if isinstance(text, tuple):
        return JobName(*_both(text, "/".join(text)))
    namespace, _, name = text.rpartition("/")
    return JobName(*_both((namespace or default_namespace, name), text))


def _both(pair: tuple[str, str], text: str) -> tuple[str, str]:
    if not all(pair):
        raise InvalidName(text, "must hold a namespace and a name: write namespace/name, or a tuple of both")
    return pair
