"""The entry: the table of commands, and what becomes of whatever ends one.

What this module imports is what `headwater --help` takes, so gRPC and rich stay out of it.
"""

import os
import sys
from collections.abc import Sequence

import click

from .lazy_group import Entry, LazyGroup
from .session import TREE_FORMATS, Session, answering

INTERRUPTED = 128 + 2
BROKEN_PIPE = 128 + 13
COMMANDS = f"{__package__}.commands"

SECTIONS = {
    "Ask": {
        "upstream": Entry(f"{COMMANDS}.lineage", "What an asset is made of."),
        "downstream": Entry(f"{COMMANDS}.lineage", "What is made of an asset."),
        "search": Entry(f"{COMMANDS}.search", "Find datasets and jobs."),
        "show": Entry(f"{COMMANDS}.show", "What is known of a dataset, a job or a run."),
        "runs": Entry(f"{COMMANDS}.runs", "The runs of a job, or those that a run started."),
        "diff": Entry(f"{COMMANDS}.diff", "What changed: two versions, two runs, or lineage at two times."),
        "pipelines": Entry(f"{COMMANDS}.pipelines", "What runs in clusters, and what has no lineage yet."),
        "namespaces": Entry(f"{COMMANDS}.namespaces", "The namespaces that there are."),
    },
    "Tell": {
        "run": Entry(f"{COMMANDS}.run", "Run a command and report it as a run."),
        "emit": Entry(f"{COMMANDS}.emit", "Add facts to the run inside of which this is called."),
        "send": Entry(f"{COMMANDS}.send", "Send OpenLineage events from files."),
        "rejected": Entry(f"{COMMANDS}.rejected", "The events that the server refused."),
    },
    "Look after": {
        "delete": Entry(f"{COMMANDS}.delete", "Hide a dataset or a job from a time on."),
        "undelete": Entry(f"{COMMANDS}.delete", "Take a deletion back."),
        "doctor": Entry(f"{COMMANDS}.doctor", "Check the connection to the server, and say what to do."),
        "completion": Entry(f"{COMMANDS}.completion", "The script that completes this command in a shell."),
    },
}

EPILOG = """\b
An ADDRESS is a namespace and a name joined by /, as people read them:
  postgres://db:5432/shop.public.users   s3://bucket/raw/clicks   team/train
  a bare name where it is unique, or the id of a run; @version names a
  version, or a write by its run; #field a field; \\@ and \\# are plain.
A TIME is ISO 8601 (2026-11-20, 2026-11-20T08:15:00Z; without a zone it is
  local), or now, today, yesterday, "2 days ago", "1h ago".
\b
Exit codes:
  0  all is well            3  not found
  1  the server refused     4  the address fits more than one asset
  2  wrong usage            5  no answer: the server is away or too slow
  `headwater run` ends as the command that it ran.
\b
Environment: HEADWATER_ADDRESS, HEADWATER_TOKEN_FILE, HEADWATER_CA_FILE,
  HEADWATER_CA, HEADWATER_CERTIFICATE_FILE, HEADWATER_KEY_FILE; NO_COLOR."""


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@answering(*TREE_FORMATS)
@click.version_option(package_name="headwater", message="%(prog)s %(version)s")
@click.pass_context
def headwater(ctx: click.Context) -> None:
    """Where data and models come from, and what depends on them."""
    ctx.ensure_object(Session)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code. Errors are told on stderr, never as a stack trace."""
    try:
        status = headwater.main(arguments, prog_name="headwater", standalone_mode=False)
        sys.stdout.flush()
    except click.Abort:
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):  # click makes a SystemExit of a broken pipe, and of nothing else
        return _without_reader()
    except Exception as error:  # noqa: BLE001 (nobody above would tell)
        return _told(error)
    return status if isinstance(status, int) else 0


def _told(error: Exception) -> int:
    try:
        from .failures import tell  # noqa: PLC0415 (the client's errors need gRPC, which help does without)
    except ImportError as missing:
        click.echo(f"headwater: this installation is not whole: {missing}", err=True)
        return 1
    return tell(error)


def _without_reader() -> int:
    """Ends quietly when whoever read the output has had enough, as `head` has."""
    # Python flushes stdout once more at its end, which must not fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
