"""A dataset or a job as a node of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .model import AssetName


class GraphAsset(NamedTuple):
    """A dataset or a job as a node: the id that it is shown under, and all of its names by their ids."""

    id: int
    names: Mapping[int, AssetName]
    is_job: bool
    is_hidden: bool

    @property
    def name(self) -> AssetName:
        """The name that it is shown under."""
        return self.names[self.id]
