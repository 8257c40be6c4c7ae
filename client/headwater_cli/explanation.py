"""Whether a pod gets the emitter, told by the operator's packages where they are installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from .failures import AWAY, NOT_FOUND
from .screen import NAMED, note, show, show_heading, show_table, styled, warn

GROUP = "headwater.explanations"
"""The entry points of other programs' explanations. Each is given a name and a file, and answers with plain data."""

_MISSING = "this needs the operator's packages: pip install 'headwater[operator]'"


class _NotThere(click.ClickException):
    exit_code = NOT_FOUND


class _Away(click.ClickException):
    exit_code = AWAY


def explain_pod(name: str, file: Path | None) -> Mapping[str, Any]:
    """What the webhook decides of a pod. Raises ClickException."""
    explain = _find("pod")
    try:
        return explain(name, file)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except LookupError as error:
        raise _NotThere(str(error.args[0])) from error
    except OSError as error:
        raise _Away(f"the cluster does not tell: {error}") from error


def show_explanation(found: Mapping[str, Any]) -> None:
    """Shows every gate, a line each."""
    show(styled(found["pod"], NAMED))
    show_heading(f"gets the emitter for {found['pipeline']}" if found["isInjected"] else "does not get the emitter")
    rows = [(each["gate"], "open" if each["isOpen"] else "CLOSED", each["reason"]) for each in found["gates"]]
    show_table(("GATE", "", "WHY"), rows)
    for each in found["warnings"]:
        warn(each)
    if found["owners"]:
        note(f"owned by {', '.join(found['owners'])}")


def _find(name: str) -> Callable[[str, Path | None], Mapping[str, Any]]:
    for each in entry_points(group=GROUP, name=name):
        try:
            found: Callable[[str, Path | None], Mapping[str, Any]] = each.load()
        except ImportError as error:
            raise click.ClickException(_MISSING) from error
        return found
    raise click.ClickException(_MISSING)
