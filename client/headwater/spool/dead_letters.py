"""Dead letters as a table: items that the server will never take, kept with the reason until later ones need the room.

Its functions change the figures along with the table, within the caller's transaction.
"""

from collections.abc import Iterator

from .database import Database
from .errors import SpoolDamaged
from .items import DeadLetter, Figures, Item, Refusal
from .line import decode, encode

_SET_ASIDE = """
INSERT INTO dead_letters (milliseconds, size, droppable, reason, field, message, run, context, event)
SELECT milliseconds, LENGTH(run) + LENGTH(context) + LENGTH(event), droppable, ?, ?, ?, run, context, event
FROM items WHERE number = ?
"""
_INSERT = """
INSERT INTO dead_letters (milliseconds, size, droppable, reason, field, message, run, context, event)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_ALL = """
SELECT milliseconds, droppable, reason, field, message, run, context, event FROM dead_letters ORDER BY number
"""


def set_aside(database: Database, figures: Figures, number: int, refusal: Refusal) -> None:
    """Makes a dead letter of an item, which stays in the line. Raises SpoolDamaged where there is none."""
    database.execute(_SET_ASIDE, (*_words(refusal), number))
    if database.execute("SELECT changes()").fetchone() != (1,):
        raise SpoolDamaged(f"number {number} is read, and is not found")
    (size,) = database.execute("SELECT size FROM dead_letters ORDER BY number DESC LIMIT 1").fetchone()
    figures.dead_letters += 1
    figures.dead_letter_size += size


def insert_dead_letter(database: Database, figures: Figures, letter: DeadLetter) -> None:
    """Keeps a dead letter."""
    item = letter.item
    size = len(item.run) + len(item.context) + len(item.event)
    row = (letter.milliseconds, size, int(item.droppable), *_words(letter.refusal))
    database.execute(_INSERT, (*row, encode(item.run), item.context, item.event))
    figures.dead_letters += 1
    figures.dead_letter_size += size


def forget_oldest(database: Database, figures: Figures, most_bytes: int) -> None:
    """Deletes the oldest dead letters until the others take no more than so much; the newest stays."""
    while figures.dead_letter_size > most_bytes and figures.dead_letters > 1:
        number, size = database.execute("SELECT number, size FROM dead_letters ORDER BY number LIMIT 1").fetchone()
        database.execute("DELETE FROM dead_letters WHERE number = ?", (number,))
        figures.dead_letters -= 1
        figures.dead_letter_size -= size
        figures.forgotten += 1


def read_dead_letters(database: Database) -> Iterator[DeadLetter]:
    """Gives the dead letters, oldest first."""
    for milliseconds, droppable, reason, field, message, run, context, event in database.execute(_ALL):
        item = Item(bytes(event), decode(run), droppable == 1, bytes(context))
        yield DeadLetter(milliseconds, item, Refusal(decode(reason), decode(field), decode(message)))


def measure_dead_letters(database: Database, figures: Figures) -> None:
    """Counts the dead letters."""
    query = "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM dead_letters"
    figures.dead_letters, figures.dead_letter_size = database.execute(query).fetchone()


def _words(refusal: Refusal) -> tuple[bytes, bytes, bytes]:
    return encode(refusal.reason), encode(refusal.field), encode(refusal.message)
