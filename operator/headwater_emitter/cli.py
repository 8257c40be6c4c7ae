"""The `headwater-emitter` command: from arguments to settings, and to what they ask for.

In a pod it is run with `--stay`. It is an argument of its own and no setting: it has to hold also where the settings
cannot be read, and on a terminal a mistake had better end the program.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version

from headwater.program.settings import Mistake, SettingsError, parse_arguments, settings_parser
from headwater.program.values import Unreadable, read_address

from .entry import STAY, end_well_on_signals
from .settings import Settings, read_leniently, read_settings
from .status import NotThere, ask, lines

USAGE_ERROR = 2
AGAIN_SECONDS = 5.0
"""After how long an emitter that failed as a whole begins again."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if STAY in arguments:
        return _stay([each for each in arguments if each not in (STAY, "run")])
    given = vars(_parser().parse_args(arguments))
    command: Callable[..., int] = given.pop("command")
    return command(**given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="headwater-emitter", description="Takes events, keeps them on disk, and delivers them to Headwater."
    )
    parser.add_argument("--version", action="version", version=f"headwater-emitter {version('headwater')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command, only in ((run, None), (status, ("health_address",))):
        words = (command.__doc__ or "").strip()
        parents = [settings_parser(Settings, only)]
        own = commands.add_parser(command.__name__, parents=parents, help=words, description=words)
        own.set_defaults(command=command)
        if command is run:
            own.add_argument(STAY, action="store_true", help="never end by itself, whatever is wrong: for a sidecar")
    return parser


def run(**given: str | None) -> int:
    """Take events and deliver them until SIGTERM or SIGINT."""
    given.pop("stay", None)
    try:
        settings = read_settings(given, os.environ)
    except SettingsError as error:
        return _fail(str(error), USAGE_ERROR)
    _work(settings)
    return 0


def status(**given: str | None) -> int:
    """Say how the emitter on this machine stands."""
    try:
        text = given.get("health_address") or os.environ.get("HEADWATER_HEALTH_ADDRESS")
        found = ask(read_address(text) if text else Settings().health_address)
    except Unreadable as error:
        return _fail(f"--health-address {error.reason}; {error.way_out}", USAGE_ERROR)
    except NotThere as error:
        return _fail(str(error))
    sys.stdout.write("".join(f"{line}\n" for line in lines(found)))
    return 0


def _stay(arguments: Sequence[str]) -> int:
    """Runs, and ends by a signal alone, with 0: another status would hide how the pod's own containers ended."""
    while True:
        try:
            _run_leniently(arguments, os.environ)
        except BaseException as error:  # noqa: BLE001
            _fail(f"failed, and begins again in {AGAIN_SECONDS:g} s: {error!r}")
        else:
            return 0
        end_well_on_signals()
        time.sleep(AGAIN_SECONDS)


def _run_leniently(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    given: dict[str, str | None] = {}
    strangers: list[Mistake] = []
    try:
        given, strangers = parse_arguments(Settings, arguments)
    except SettingsError as error:
        strangers = [*error.mistakes]
    settings, mistakes = read_leniently(given, environ)
    mistakes = [*strangers, *mistakes]
    for each in mistakes:
        _fail(f"{each}; it is passed over")
    _work(settings, "; ".join(map(str, mistakes)))


def _work(settings: Settings, mistakes: str = "") -> None:
    importlib.import_module(".program", __package__).work(settings, mistakes)  # only who runs needs all of it


def _fail(text: str, status: int = 1) -> int:
    sys.stderr.write(f"headwater-emitter: {text}\n")
    sys.stderr.flush()
    return status
