"""Takes over what ended owners left: the spools of a folder that nobody holds any more."""

import logging
from collections.abc import Iterator

from .errors import SpoolFull, SpoolTaken, SpoolUnusable
from .spool_file import STEP_ITEMS, SpoolFile

STEP_BYTES = 4 * 2**20
SUFFIX = ".spool"

_log = logging.getLogger(__name__)


def adopt(into: SpoolFile) -> Iterator[int]:
    """Moves what is in the other spools of the folder (`*.spool`) to the end of this one, and deletes those spools.

    Gives the number of items of each step, a transaction. Ends where there is no more room. A process that ends in
    between leaves some items in both: they are delivered twice, which the server tells apart. What cannot be read stays
    where it is, with a word in the log.
    """
    for path in sorted(into.path.parent.glob("*" + SUFFIX)):
        if path == into.path:
            continue
        try:
            orphan = SpoolFile(path, into.limits)
        except SpoolTaken:
            continue
        except SpoolUnusable as error:
            _log.warning("an abandoned spool is passed over: %s", error)
            continue
        with orphan:
            try:
                yield from _move(orphan, into)
            except SpoolFull:
                return
            except SpoolUnusable as error:
                _log.warning("an abandoned spool is left as it is: %s", error)


def _move(orphan: SpoolFile, into: SpoolFile) -> Iterator[int]:
    while items := orphan.peek(STEP_ITEMS, STEP_BYTES):
        if into.figures.size + sum(each.item.size for each in items) > into.limits.max_bytes:
            raise SpoolFull(f"{into.path} has no room for what is in {orphan.path}")
        into.take_over(items)
        orphan.remove(items)
        yield len(items)
    into.inherit(orphan.dead_letters(), orphan.gaps(), orphan.figures)
    orphan.delete()
