"""What is searched for: which terms an asset must have, and whether one that has them fits now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .catalog import AssetType, Dataset, Job, Owner, Tag
from .model import AssetName, DatasetKind
from .search import MAX_TERM, TermKind, field_terms, fits_name, word_term


@dataclass(frozen=True, slots=True)
class Condition:
    """That an asset has one of these terms, or one that starts with the only one, by the kind."""

    kind: TermKind
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is searched for. All that is given must hold, and one name of the asset has all words.

    `words`, `tag`, `owner` and `field` are in lower case.
    """

    words: tuple[str, ...] = ()
    types: frozenset[AssetType] = frozenset()
    kinds: frozenset[DatasetKind] = frozenset()
    tag: str = ""
    owner: str = ""
    field: str = ""
    namespace: str | None = None

    @property
    def sought(self) -> list[AssetType]:
        """The types of assets that may fit: only datasets have kinds and fields."""
        types = self.types or frozenset(AssetType)
        return sorted(types - {AssetType.JOB} if self.kinds or self.field else types)

    def conditions(self) -> list[Condition]:
        """The terms that each asset has that fits."""
        found = [Condition(TermKind.NAME, (word_term(word),)) for word in self.words]
        exact = ((TermKind.TAG, self.tag), (TermKind.OWNER, self.owner))
        found += [Condition(kind, (text[:MAX_TERM],)) for kind, text in exact if text]
        if self.field:
            found.append(Condition(TermKind.FIELD, (self.field[:MAX_TERM],)))
        if self.kinds:
            names = tuple(sorted(kind.name.lower() for kind in self.kinds))
            found.append(Condition(TermKind.DATASET_KIND, names))
        return found

    def fits_dataset(self, dataset: Dataset) -> bool:
        """Whether a dataset fits as it is now; by whichever of its names."""
        if self.kinds and dataset.kind not in self.kinds:
            return False
        fields = dataset.latest_version.fields if dataset.latest_version else ()
        if self.field and not any(term.startswith(self.field) for field in fields for term in field_terms(field)):
            return False
        return self._fits([dataset.name, *dataset.aliases], dataset.tags, dataset.owners)

    def fits_job(self, job: Job) -> bool:
        """Whether a job fits as it is now."""
        return self._fits([job.name], job.tags, job.owners)

    def _fits(self, names: Iterable[AssetName], tags: Iterable[Tag], owners: Iterable[Owner]) -> bool:
        if not any(all(fits_name(word, name.name) for word in self.words) for name in names):
            return False
        if self.owner and all(owner.owner.lower() != self.owner for owner in owners):
            return False
        return not self.tag or any(self.tag in (t.key.lower(), f"{t.key}={t.value}".lower()) for t in tags)
