"""What every command is given: where the server is, how patient to be, and how to write the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click

import headwater

if TYPE_CHECKING:
    from google.protobuf.message import Message

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("table", "json", "yaml")
TREE_FORMATS = ("tree", *FORMATS)


@dataclass
class Session:
    """Holds what the options say that all commands share. What is not said, the environment says."""

    address: str | None = None
    timeout: float | None = None
    output: str | None = None

    @cached_property
    def settings(self) -> "headwater.Settings":
        """Says how to reach the server. Raises InvalidSettings."""
        said = headwater.Settings.from_environment()
        address, timeout = self.address or said.address, self.timeout or said.timeout_seconds
        return replace(said, address=address, timeout_seconds=timeout)

    @cached_property
    def client(self) -> "headwater.SyncClient":
        """Is the client; it connects with its first call."""
        return headwater.SyncClient(settings=self.settings)

    def write(self, answer: "Message | Mapping[str, Any]", show: Callable[[], None]) -> None:
        """Writes an answer as JSON or YAML where that is wanted; else has it shown to a person."""
        if self.output in ("json", "yaml"):
            from .data import write_data  # noqa: PLC0415 (protobuf and YAML, which help does without)

            write_data(answer, self.output)
        else:
            show()


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None and parameter.name:
        setattr(ctx.ensure_object(Session), parameter.name, value)


def _option(*names: str, **attributes: Any) -> Callable[[F], F]:
    return click.option(*names, expose_value=False, callback=_remember, **attributes)


def connecting(seconds: int) -> Callable[[F], F]:
    """Gives a command the options that say how to reach the server; it waits so many seconds unless it is told."""
    address = _option(
        "--address", metavar="HOST:PORT", help="Where the server is: a gRPC target. [env: HEADWATER_ADDRESS]"
    )
    positive = click.FloatRange(min=0, min_open=True)
    timeout = _option("--timeout", type=positive, metavar="SECONDS", help=f"How long to wait for it. [{seconds}]")
    return lambda command: address(timeout(command))


def answering(*formats: str) -> Callable[[F], F]:
    """Gives a command the options of one that asks the server and writes its answer in one of these formats."""
    output = _option("-o", "--output", type=click.Choice(formats), help="How to write the answer.")
    return lambda command: output(connecting(30)(command))


def stating_datasets(command: F) -> F:
    """Gives a command the options that name what a run reads and writes."""
    where = "an address, or a file as /path or ./path. May be repeated."
    reads = click.option("--reads", metavar="DATASET", multiple=True, help=f"What it reads: {where}")
    writes = click.option("--writes", metavar="DATASET", multiple=True, help=f"What it writes: {where}")
    return reads(writes(command))
