"""Answers as JSON and YAML: protobuf's JSON form, every field of it there, also where it is empty."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message


def as_data(answer: Message) -> dict[str, Any]:
    """Gives a message as Python values, in protobuf's JSON form."""
    data: dict[str, Any] = MessageToDict(answer, always_print_fields_with_no_presence=True)
    return data


def write_data(answer: Message | Mapping[str, Any], form: str) -> None:
    """Writes an answer to stdout."""
    data = as_data(answer) if isinstance(answer, Message) else dict(answer)
    if form == "json":
        # ASCII only: what a name holds cannot steer a terminal.
        json.dump(data, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        import yaml  # noqa: PLC0415 (a quarter of what JSON takes in all)

        yaml.safe_dump(data, sys.stdout, sort_keys=False, allow_unicode=False)
