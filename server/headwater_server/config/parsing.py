"""From arguments and environment to settings, with every mistake reported at once."""

from __future__ import annotations

import argparse
import dataclasses
import operator
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, cast

from .settings import Settings
from .values import Dsn, Unreadable

T = TypeVar("T")

HIDDEN = "***"
"""What is shown in place of a value that may hold a password."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One setting that cannot be used: its name as it was given, its value, why not, and what to do."""

    name: str
    value: str
    reason: str
    way_out: str

    def __str__(self) -> str:
        given = f"{self.name}={self.value}" if self.value else self.name
        return f"{given}: {self.reason}; {self.way_out}"


class SettingsError(Exception):
    """Settings that cannot be used, with every mistake in them."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def parse_settings(arguments: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """The settings that the arguments and the environment say; raises SettingsError."""
    parser = argparse.ArgumentParser(
        parents=[settings_parser()], add_help=False, allow_abbrev=False, exit_on_error=False
    )
    try:
        known, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        mistake = Mistake(error.argument_name or "", "", error.message, "give it one value")
        raise SettingsError([mistake]) from error
    strangers = [Mistake(text, "", "is no setting", "see --help for those there are") for text in unknown]
    return read_settings(vars(known), environ, strangers)


def settings_parser(only: Container[str] | None = None) -> argparse.ArgumentParser:
    """A flag for each setting, to be a parent of a command's own parser; the values stay text for read_settings.

    A command that needs few settings has flags for `only` those.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("settings")
    for setting in _declared(Settings):
        if only is not None and setting.name not in only:
            continue
        shown = "" if setting.default in (None, dataclasses.MISSING) else f"; {_text(setting.default)} unless set"
        meaning = f"{setting.metadata['meaning']} [{_variable(setting.name)}{shown}]"
        group.add_argument(_flag(setting.name), dest=setting.name, metavar="VALUE", help=meaning.replace("%", "%%"))
    return parser


def read_settings(
    given: Mapping[str, str | None], environ: Mapping[str, str], mistakes: Sequence[Mistake] = ()
) -> Settings:
    """The settings in the values of settings_parser's flags and the environment; an empty value is none.

    Raises SettingsError with all mistakes, those that the caller found among them.
    """
    values, found = _read_values(given, environ)
    found = [*mistakes, *found, *_contradictions(values)]
    if found:
        raise SettingsError(found)
    return _build(Settings, values)


def _read_values(given: Mapping[str, str | None], environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Mistake]]:
    """The value of each setting by its name, without those that cannot be read, which are the mistakes."""
    values: dict[str, Any] = {"data_dir": _default_data_dir(environ)}
    mistakes = []
    for setting in _declared(Settings):
        flag, variable = given.get(setting.name), environ.get(_variable(setting.name))
        text = flag or variable
        if not text:
            values.setdefault(setting.name, setting.default)
            continue
        try:
            values[setting.name] = setting.metadata["read"](text)
        except Unreadable as error:
            values.pop(setting.name, None)
            name = _flag(setting.name) if flag else _variable(setting.name)
            shown = HIDDEN if setting.metadata.get("secret") else text
            mistakes.append(Mistake(name, shown, error.reason, error.way_out))
    return values, mistakes


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
            bound = _flag(other) if values[other] is None else f"{_flag(other)}={_text(values[other])}"
            yield Mistake(_flag(name), _text(values[name]), f"{relation} {bound}", "change one of the two")


def _build(kind: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass of settings, its groups included, from the values by name."""
    arguments = {
        member.name: values[member.name] if "read" in member.metadata else _build(type(member.default), values)
        for member in dataclasses.fields(cast(Any, kind))
    }
    return kind(**arguments)


def _declared(kind: Any) -> Iterator[dataclasses.Field[Any]]:
    """The settings declared in a dataclass and its groups, in order."""
    for member in dataclasses.fields(kind):
        if "read" in member.metadata:
            yield member
        else:
            yield from _declared(type(member.default))


def _default_data_dir(environ: Mapping[str, str]) -> Path:
    """The user's folder for data, after the XDG rules."""
    home = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser().absolute() / "headwater"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _variable(name: str) -> str:
    return "HEADWATER_" + name.upper()


def _text(value: object) -> str:
    """A value as its user writes it, with passwords hidden."""
    if isinstance(value, Dsn):
        return value.masked
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.value if isinstance(value, Enum) else value)
