"""Under which name a set of datasets is shown that symlinks join."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .model import AssetName


def joined_sets(symlinks: Iterable[tuple[int, int]]) -> list[set[int]]:
    """The sets that pairs of alias and dataset join."""
    sets: dict[int, set[int]] = {}
    for alias, dataset in symlinks:
        joined = sets.get(alias, {alias}) | sets.get(dataset, {dataset})
        for member in joined:
            sets[member] = joined
    unique = {id(members): members for members in sets.values()}
    return list(unique.values())


def canonical_member(members: Iterable[int], aliases: set[int], names: Mapping[int, AssetName]) -> int:
    """The dataset that a set is shown under: one that is never said to be a symlink, else any; of several the
    smallest name.

    `aliases` are the datasets that are said to be symlinks.
    """
    ordered = sorted(members, key=lambda member: names[member])
    return next((member for member in ordered if member not in aliases), ordered[0])
