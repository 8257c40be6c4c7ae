"""What a status says is taken by the API server."""

from __future__ import annotations

from headwater_operator.declarations import Declared
from headwater_operator.statuses import LONGEST_TEXT, Figures, describe

from .cluster import EPOCH


def test_a_long_tale_of_troubles_is_cut() -> None:
    declared = Declared("team-a", "all", "u1", 1, uri_problems=["names nothing " * 50] * 1000)
    status = describe(declared, Figures(), EPOCH)
    assert len(status.last_error) <= LONGEST_TEXT + 1
    assert all(len(each.message) <= LONGEST_TEXT + 1 for each in status.conditions)
