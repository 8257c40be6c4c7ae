"""The kinds of values that settings have, and how each is read from text. Knows no setting."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

Choice = TypeVar("Choice", bound=Enum)


class Unreadable(ValueError):
    """A text that is no such value: why, and what to write instead."""

    def __init__(self, reason: str, way_out: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.way_out = way_out


@dataclass(frozen=True, slots=True)
class Address:
    """Where a program listens. Port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def family(self) -> socket.AddressFamily:
        """What kind of address it is to the system."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class LogLevel(Enum):
    """The least important messages that are still logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def read_address(text: str) -> Address:
    """The address in the text; raises Unreadable."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not host or not port.isascii() or not port.isdecimal():
        raise Unreadable("is not of the form host:port", "write 127.0.0.1:4970, or [::1]:4970 for IPv6")
    if int(port) > 65535:
        raise Unreadable("has a port above 65535", "choose a port from 0 to 65535")
    return Address(host, int(port))


def read_path(text: str) -> Path:
    """The absolute path in the text, `~` being the user's home; raises Unreadable."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise Unreadable("names a home that is not known", "write the whole path") from error


def read_whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers from the least to the most that is allowed, which raises Unreadable."""

    def read(text: str) -> int:
        span = f"{least} or more" if most is None else f"from {least} to {most}"
        try:
            number = int(text)
        except ValueError as error:
            raise Unreadable("is no whole number", f"write a whole number, {span}") from error
        if number < least or (most is not None and number > most):
            raise Unreadable("is out of range", f"write a whole number, {span}")
        return number

    return read


def read_switch(text: str) -> bool:
    """The yes or no in the text; raises Unreadable."""
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError as error:
        raise Unreadable("is neither true nor false", "write true or false") from error


def read_choice(choices: type[Choice]) -> Callable[[str], Choice]:
    """A reader of one of an enum's values in any case, which raises Unreadable."""

    def read(text: str) -> Choice:
        try:
            return choices(text.lower())
        except ValueError as error:
            known = ", ".join(choice.value for choice in choices)
            raise Unreadable("is not one of the known values", f"choose from {known}") from error

    return read
