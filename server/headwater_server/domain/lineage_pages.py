"""Links one hop away from a dataset or a job, listed page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from .job_links import BEGINNING


class LinkPlace(NamedTuple):
    """Where a link stands in a list: by the field that it starts from, its other end, its job and its interval.

    Paths are empty where the list is not of field links. At one time there is one link between two ends through a job:
    there `since` is the beginning of time, and `inferred` false.
    """

    near_path: str
    far: int
    far_path: str
    job: int
    since: datetime
    inferred: bool


BEFORE_ALL = LinkPlace("", -(2**63), "", -(2**63), BEGINNING, inferred=False)
"""Before all links."""


@dataclass(frozen=True, slots=True)
class LinkQuery:
    """Which links are asked for: those that lead on from a dataset (given by the ids of all of its names) or a job.

    With `history`, every interval that a link ever held is listed.
    """

    ids: tuple[int, ...]
    is_job: bool
    upstream: bool
    history: bool
    fields: bool


class ListedLink(NamedTuple):
    """A link in a list, with its place. `since` and `until` are in microseconds since 1970."""

    place: LinkPlace
    inferred: bool
    since: int
    until: int
    transformations: tuple[int, ...] = ()
