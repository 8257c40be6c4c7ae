"""Fields and the links between them in memory, as they were in the snapshot that a graph was read in.

Fields are numbers from 0, in the order of their datasets' ids and of their paths. They are not kept up to date: where
jobs said something else since, the graph beside them knows which, and the store is asked about what they touch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .memory_links import Bools, FieldColumns, IndexedLinks, Ints, Marks, Texts, ranges
from .model import Transformation


@dataclass(frozen=True, slots=True)
class FieldGraph:
    """All fields that links speak of: by field the node of its `datasets`, and its path, empty for all of the dataset.

    `changes` are ways to make a field of another, of which links have the places; `is_direct` says whether any
    transformation of theirs hands values on.
    """

    datasets: Ints
    paths: Texts
    is_whole: Bools
    links: IndexedLinks[FieldColumns]
    changes: Sequence[tuple[Transformation, ...]]
    is_direct: Bools
    marks: Marks

    def find(self, dataset: int, path: str) -> int:
        """A field; -1 where no link speaks of it."""
        start, end = (int(np.searchsorted(self.datasets, dataset, side)) for side in ("left", "right"))
        found = self.paths.many(np.arange(start, end, dtype=np.int32))
        asked = path.encode()
        return start + found.index(asked) if asked in found else -1

    def wholes(self, datasets: Ints) -> Ints:
        """Datasets as a whole, where links speak of them so; each is given once."""
        starts = np.searchsorted(self.datasets, datasets).astype(np.int32)
        return starts[self.is_whole.take(starts)]

    def members(self, datasets: Ints) -> Ints:
        """All fields of datasets; each is given once."""
        starts, ends = (np.searchsorted(self.datasets, datasets, side) for side in ("left", "right"))
        return ranges(starts.astype(np.int32), ends.astype(np.int32))
