"""How a program that runs for long reaches the server, as a group of its settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidSettings
from ..settings import Settings
from .settings import Mistake, setting, variable_of
from .values import read_path


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where the server is, and who calls."""

    address: str = setting(Settings.address, str, "The Headwater server, a gRPC target.")
    token_file: Path | None = setting(None, read_path, "The file that holds the bearer token for the server.")
    ca_file: Path | None = setting(None, read_path, "The CA certificates (PEM) for the server; with it, TLS is used.")
    ca: str = setting("", str, "CA certificates as PEM text, beside those of the file.")
    certificate_file: Path | None = setting(
        None, read_path, "The program's own certificate (PEM), for a server that knows its callers by theirs."
    )
    key_file: Path | None = setting(None, read_path, "The private key of that certificate (PEM).")

    def client(self) -> Settings:
        """The settings of the client that reaches it. Raises InvalidSettings."""
        return Settings(**dataclasses.asdict(self))


def connection_mistakes(values: Mapping[str, Any]) -> Iterator[Mistake]:
    """What does not go together in the settings of a Connection, given by name; what is missing is its default."""
    names = [each.name for each in dataclasses.fields(Connection)]
    try:
        Connection(**{name: values[name] for name in names if name in values}).client()
    except InvalidSettings as error:
        yield Mistake(variable_of("address"), str(values["address"]), str(error), "or connect on this machine")
