"""How assets, kinds and states are called where a person reads them. Pure.

Names come from whoever sends events. What of them a terminal would obey is written as an escape.
"""

import re
from typing import TYPE_CHECKING, Any

from headwater.names import (
    DatasetName,
    DatasetVersionName,
    InvalidName,
    JobName,
    JobVersionName,
    NamespaceName,
    PipelineName,
    RunName,
    WriteName,
    format_address,
    parse_name,
)

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper

# Control characters, and marks that turn the direction of writing.
_OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_OBEYED_IN_BLOCKS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def line(text: str) -> str:
    r"""Makes a text safe to show on one line.

    >>> line("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _OBEYED.sub(_escaped, text)


def block(text: str) -> str:
    """Makes a text of several lines safe to show."""
    return _OBEYED_IN_BLOCKS.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def address(resource: str, field: str = "", label: str = "") -> str:
    """Writes a resource name as the address that finds it; `label` holds over the id of a version or write.

    >>> address("namespaces/s3%3A%2F%2Fmodels/datasets/churn/versions/3f2a9c0d1e4b5a68", label="3")
    's3://models/churn@3'
    """
    try:
        name = parse_name(resource)
    except InvalidName:
        return resource
    match name:
        case DatasetName(namespace, dataset):
            return format_address(namespace, dataset, label or None, field or None)
        case DatasetVersionName(namespace, dataset, version) | WriteName(namespace, dataset, version):
            return format_address(namespace, dataset, label or version, field or None)
        case JobName(namespace, job) | JobVersionName(namespace, job, _):
            return format_address(namespace, job)
        case RunName(run):
            return run
        case PipelineName(namespace, pipeline):
            return f"{namespace}/{pipeline}"
        case NamespaceName(namespace):
            return namespace
    return resource


def last_part(resource: str) -> str:
    """Gives what a resource name says last: the id of a run, or of a version."""
    return resource.rpartition("/")[2]


def word(enum: "_EnumTypeWrapper[Any]", value: int) -> str:
    """Gives the word of an enum's value without the enum's prefix; nothing for the unspecified.

    >>> word(catalog_pb2.DatasetKind, catalog_pb2.DATASET_KIND_FEATURE_TABLE)
    'FEATURE_TABLE'
    """
    known = enum.DESCRIPTOR.values_by_number.get(value)
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.DESCRIPTOR.name).upper() + "_"
    bare = known.name.removeprefix(prefix) if known else str(value)
    return "" if bare == "UNSPECIFIED" else bare


def words(enum: "_EnumTypeWrapper[Any]") -> list[str]:
    """Gives the words of an enum, as options take them."""
    return [each for value in enum.values() if (each := word(enum, value))]


def count(number: int, thing: str) -> str:
    """Writes a number of things.

    >>> count(1, "link"), count(1200, "link")
    ('1 link', '1,200 links')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
