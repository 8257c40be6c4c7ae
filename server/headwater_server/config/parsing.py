"""From arguments and environment to the server's settings, with every mistake reported at once."""

from __future__ import annotations

import argparse
import operator
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from headwater.program import settings as program
from headwater.program.settings import Mistake, SettingsError, flag_of, shown_as

from .settings import Settings


def parse_settings(arguments: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """The settings that the arguments and the environment say; raises SettingsError."""
    given, strangers = program.parse_arguments(Settings, arguments)
    return read_settings(given, environ, strangers)


def settings_parser(only: Container[str] | None = None) -> argparse.ArgumentParser:
    """A flag for each setting, to be a parent of a command's own parser; the values stay text for read_settings.

    A command that needs few settings has flags for `only` those.
    """
    return program.settings_parser(Settings, only)


def read_settings(
    given: Mapping[str, str | None], environ: Mapping[str, str], mistakes: Sequence[Mistake] = ()
) -> Settings:
    """The settings in the values of settings_parser's flags and the environment; an empty value is none.

    Raises SettingsError with all mistakes, those that the caller found among them.
    """
    values, found = program.read_values(Settings, given, environ, {"data_dir": default_data_dir(environ)})
    found = [*mistakes, *found, *_contradictions(values)]
    if found:
        raise SettingsError(found)
    return program.build(Settings, values)


RULES: tuple[tuple[str, str, Callable[[Any, Any], bool], str], ...] = (
    ("max_event_bytes", "max_request_bytes", operator.le, "must fit in"),
    ("max_request_bytes", "max_bytes_in_flight", operator.le, "must fit in"),
    ("max_batch_events", "max_events_in_flight", operator.le, "must fit in"),
    *(
        (name, other, lambda own, needed: own is None or needed is not None, "has no meaning without")
        for name, other in (
            ("read_dsn", "dsn"),
            ("tls_certificate_file", "tls_key_file"),
            ("tls_key_file", "tls_certificate_file"),
            ("client_ca_file", "tls_certificate_file"),
            ("grpc_mtls_address", "client_ca_file"),
        )
    ),
    ("http_address", "grpc_address", lambda http, grpc: http != grpc or http.port == 0, "must differ from"),
)
"""What must hold between two settings, and how it is said when it does not."""


def _contradictions(values: Mapping[str, Any]) -> Iterator[Mistake]:
    """The settings that can be read and do not go together."""
    for name, other, holds, relation in RULES:
        if name in values and other in values and not holds(values[name], values[other]):
            bound = flag_of(other) if values[other] is None else f"{flag_of(other)}={shown_as(values[other])}"
            yield Mistake(flag_of(name), shown_as(values[name]), f"{relation} {bound}", "change one of the two")


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """The user's folder for data, after the XDG rules."""
    home = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser().absolute() / "headwater"
