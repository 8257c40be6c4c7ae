"""From arguments and environment to a dataclass of settings, with every mistake reported at once.

A program declares each setting once, in a frozen dataclass, with `setting`: `http_address` is `--http-address` and
`HEADWATER_HTTP_ADDRESS`; the flag goes first. A member that is itself such a dataclass is a group of settings.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar, cast

from .values import Unreadable

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


def setting(default: T, read: Callable[[str], Any], meaning: str, *, secret: bool = False) -> T:
    """Declares a setting: what holds unless it is set, how its text is read, and its documentation.

    `read` raises Unreadable. A secret value is not shown in a mistake.
    """
    value: T = field(default=default, metadata={"read": read, "meaning": meaning, "secret": secret})
    return value


def settings_parser(kind: type[Any], only: Container[str] | None = None) -> argparse.ArgumentParser:
    """A flag for each setting, to be a parent of a command's own parser; the values stay text for `read_values`.

    A command that needs few settings has flags for `only` those.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("settings")
    for each in declared(kind):
        if only is not None and each.name not in only:
            continue
        shown = "" if each.default in (None, "", (), dataclasses.MISSING) else f"; {shown_as(each.default)} unless set"
        meaning = f"{each.metadata['meaning']} [{variable_of(each.name)}{shown}]"
        group.add_argument(flag_of(each.name), dest=each.name, metavar="VALUE", help=meaning.replace("%", "%%"))
    return parser


def parse_arguments(kind: type[Any], arguments: Sequence[str]) -> tuple[dict[str, str | None], list[Mistake]]:
    """The texts of flags by the names of their settings, and what among the arguments is no setting.

    Raises SettingsError where a flag has no value.
    """
    parser = argparse.ArgumentParser(
        parents=[settings_parser(kind)], add_help=False, allow_abbrev=False, exit_on_error=False
    )
    try:
        known, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        mistake = Mistake(error.argument_name or "", "", error.message, "give it one value")
        raise SettingsError([mistake]) from error
    return vars(known), [Mistake(text, "", "is no setting", "see --help for those there are") for text in unknown]


def read_values(
    kind: type[Any],
    given: Mapping[str, str | None],
    environ: Mapping[str, str],
    defaults: Mapping[str, object] | None = None,
) -> tuple[dict[str, Any], list[Mistake]]:
    """The value of each setting by its name, without those that cannot be read, which are the mistakes.

    `given` are the values of settings_parser's flags; an empty value is none. `defaults` go before declared ones.
    """
    values: dict[str, Any] = dict(defaults or {})
    mistakes = []
    for each in declared(kind):
        flag, variable = given.get(each.name), environ.get(variable_of(each.name))
        text = flag or variable
        if not text:
            values.setdefault(each.name, each.default)
            continue
        try:
            values[each.name] = each.metadata["read"](text)
        except Unreadable as error:
            values.pop(each.name, None)
            name = flag_of(each.name) if flag else variable_of(each.name)
            shown = HIDDEN if each.metadata.get("secret") else text
            mistakes.append(Mistake(name, shown, error.reason, error.way_out))
    return values, mistakes


def build(kind: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass of settings, its groups included, from the values by name."""
    arguments = {
        member.name: values[member.name] if "read" in member.metadata else build(type(member.default), values)
        for member in dataclasses.fields(cast(Any, kind))
    }
    return kind(**arguments)


def declared(kind: Any) -> Iterator[dataclasses.Field[Any]]:
    """The settings declared in a dataclass and its groups, in order."""
    for member in dataclasses.fields(kind):
        if "read" in member.metadata:
            yield member
        else:
            yield from declared(type(member.default))


def flag_of(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return "HEADWATER_" + name.upper()


def shown_as(value: object) -> str:
    """A value as its user writes it, with passwords hidden where its kind knows how (`masked`)."""
    if isinstance(value, bool):
        return str(value).lower()
    masked = getattr(value, "masked", None)
    return str(masked or (value.value if isinstance(value, Enum) else value))
