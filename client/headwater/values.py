"""Python's own values as the contract's: times and words of enums."""

import re
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper

V = TypeVar("V", bound=int)


def timestamp(time: datetime | None) -> Timestamp | None:
    """Gives the time as a message; None stays None. Raises ValueError for a time without a zone."""
    if time is None:
        return None
    if time.utcoffset() is None:
        raise ValueError(f"{time} has no time zone: add tzinfo, such as datetime.UTC")
    message = Timestamp()
    message.FromDatetime(time)
    return message


def enum_value(enum: "_EnumTypeWrapper[V]", word: "str | V") -> V:
    """Gives the value that a word stands for, in any case and without the enum's prefix; a value stays as it is.

    Raises ValueError with the words that there are.

    >>> enum_value(catalog_pb2.DatasetKind, "MODEL") == catalog_pb2.DATASET_KIND_MODEL
    True
    """
    if not isinstance(word, str):
        return word
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.DESCRIPTOR.name).upper() + "_"
    try:
        return enum.Value(prefix + word.upper())
    except ValueError:
        words = ", ".join(name.removeprefix(prefix) for name in enum.keys()[1:])
        raise ValueError(f"{word!r} is none of {words}") from None
