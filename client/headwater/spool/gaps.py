"""Gaps as a table: what was dropped for want of room, until somebody is told.

Its functions change the figures along with the table, within the caller's transaction.
"""

from .database import Database
from .items import Figures, Gap

_WIDEN = """
UPDATE gaps SET dropped = dropped + ?, since_milliseconds = MIN(since_milliseconds, ?),
    until_milliseconds = MAX(until_milliseconds, ?) WHERE number = ?
"""


def insert_gap(database: Database, figures: Figures, gap: Gap) -> int:
    """Remembers a gap, and gives its number."""
    insert = "INSERT INTO gaps (dropped, since_milliseconds, until_milliseconds) VALUES (?, ?, ?)"
    database.execute(insert, (gap.dropped, gap.since_milliseconds, gap.until_milliseconds))
    figures.gaps += 1
    number: int = database.execute("SELECT MAX(number) FROM gaps").fetchone()[0]
    return number


def widen_gap(database: Database, gap: Gap) -> None:
    """Adds to the gap of that number."""
    database.execute(_WIDEN, (gap.dropped, gap.since_milliseconds, gap.until_milliseconds, gap.number))


def read_gaps(database: Database) -> list[Gap]:
    """Gives the gaps, oldest first."""
    query = "SELECT number, dropped, since_milliseconds, until_milliseconds FROM gaps ORDER BY number"
    return [Gap(*row) for row in database.execute(query)]


def delete_gap(database: Database, figures: Figures, gap: Gap) -> None:
    """Forgets a gap that somebody was told of."""
    database.execute("DELETE FROM gaps WHERE number = ?", (gap.number,))
    figures.gaps -= 1


def measure_gaps(database: Database, figures: Figures) -> None:
    """Counts the gaps."""
    (figures.gaps,) = database.execute("SELECT COUNT(*) FROM gaps").fetchone()
