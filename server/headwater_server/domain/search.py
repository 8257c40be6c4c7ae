"""How assets are found by words: the terms that they are filed under, and whether a word fits a name.

A name has parts: `prod.UserChurn_v2` has `prod`, `user`, `churn`, `v` and `2`. A word fits where it stands at the start
of a part or of the whole name, and goes on over as many parts as it likes: `churn`, `userch` and `churn_v2` all fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import msgspec

from .descriptive_facets import OwnershipFacet, TagFacet, TagsFacet, read_facet, text_of
from .facets import FacetMap
from .kinds import possible_kinds
from .model import AssetName, SchemaField
from .statement import Content, Statement

MAX_TERM = 64
"""The longest term, in characters; longer ones are cut, and what they find is checked."""
MAX_STARTS = 64
"""How many parts of a name a word may start at: a name made of hashes has more than is any use."""
_SEGMENT = re.compile(r"[^\W_]+")
_START = re.compile(
    r"^"  # the first part of a segment
    r"|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])"  # between a letter and a digit
    r"|(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])"  # userChurn
    r"|(?<=[A-ZÀ-ÖØ-Þ])(?=[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ])"  # HTTPServer
)


JOB_TERMS = 10
"""What is added to the number of a kind where the term is a job's: datasets and jobs are searched apart."""


class TermKind(IntEnum):
    """What a term of a dataset is; the numbers are those of the table `terms`."""

    NAME = 1
    TAG = 2
    OWNER = 3
    FIELD = 4
    DATASET_KIND = 5
    TAIL = 6

    @property
    def is_prefix(self) -> bool:
        """Whether what is searched for is how such a term begins, and not all of it."""
        return self in (TermKind.NAME, TermKind.FIELD)


class Term(NamedTuple):
    """Something that an asset can be found by, in lower case; `kind` as the table `terms` numbers it."""

    kind: int
    text: str


def name_terms(name: AssetName, *, is_job: bool = False) -> frozenset[Term]:
    """What an asset can be found by because of its name: all of it, and the rest of it from each part on."""
    folded = name.name.lower()
    starts = _starts(name.name) if len(folded) == len(name.name) else ()
    rests = {Term(TermKind.NAME, _cut(folded[start:])) for start in (0, *starts)}
    found = frozenset(rests | {Term(TermKind.TAIL, tail_of(name.name))})
    return _of_job(found) if is_job else found


def tail_of(name: str) -> str:
    """The end of a name, behind its last dot or slash: what people call `shop.public.users` for short."""
    return _cut(re.split(r"[./]", name.rstrip("./"))[-1].lower())


def statement_terms(statement: Statement) -> dict[int, frozenset[Term]]:
    """What assets can be found by because of a statement, by their ids; their names left out."""
    found = {dataset: set(_kind_terms(name, {})) for dataset, name in statement.mentioned.items()}
    if job := statement.job:
        found[job.id] = set(_of_job(_facet_terms(_facets(job.content))))
    for dataset in statement.datasets:
        facets, own = _facets(dataset.content), found.setdefault(dataset.id, set())
        own.update(_kind_terms(dataset.name, facets))
        own.update(_facet_terms(facets))
        if dataset.schema:
            own.update(Term(TermKind.FIELD, text) for field in dataset.schema.fields for text in field_terms(field))
    return {asset: frozenset(terms) for asset, terms in found.items() if terms}


def tag_terms(tag: TagFacet) -> Iterator[str]:
    """What a tag can be asked by: `key` and `key=value`."""
    key, value = tag.key.lower(), text_of(tag.value).lower()
    yield key
    if value:
        yield f"{key}={value}"


def field_terms(field: SchemaField) -> set[str]:
    """What a field can be asked by: its path, and its own name where it is inside another."""
    path = field.path.lower()
    return {path[:MAX_TERM], re.split(r"(?<!\\)\.", path)[-1][:MAX_TERM]}


def word_term(word: str) -> str:
    """What one of the NAME terms of every name begins with that a word fits."""
    return _cut(word.lower())


def fits_name(word: str, name: str) -> bool:
    """Whether a word stands at the start of the name or of one of its parts. Case does not matter."""
    folded, wanted = name.lower(), word.lower()
    if folded.startswith(wanted):
        return True
    return len(folded) == len(name) and any(folded.startswith(wanted, start) for start in _starts(name))


@lru_cache(maxsize=4096)
def _starts(name: str) -> tuple[int, ...]:
    """Where parts of a name start."""
    found: list[int] = []
    for segment in _SEGMENT.finditer(name):
        found += [segment.start() + start.start() for start in _START.finditer(segment.group())]
        if len(found) >= MAX_STARTS:
            break
    return tuple(found[:MAX_STARTS])


def _of_job(terms: Iterable[Term]) -> frozenset[Term]:
    return frozenset(Term(term.kind + JOB_TERMS, term.text) for term in terms)


def _kind_terms(name: AssetName, facets: FacetMap) -> Iterator[Term]:
    for kind in possible_kinds(name, facets):
        yield Term(TermKind.DATASET_KIND, kind.name.lower())


def _facet_terms(facets: FacetMap) -> Iterator[Term]:
    if not facets:
        return
    tags = read_facet(facets, "tags", TagsFacet)
    for tag in (tags and tags.tags) or ():
        yield from (Term(TermKind.TAG, _cut(text)) for text in tag_terms(tag))
    ownership = read_facet(facets, "ownership", OwnershipFacet)
    for owner in (ownership and ownership.owners) or ():
        yield Term(TermKind.OWNER, _cut(owner.name.lower()))


def _facets(content: Content) -> FacetMap:
    return msgspec.json.decode(content.json, type=FacetMap)


def _cut(text: str) -> str:
    """The text as a term: PostgreSQL keeps no NUL."""
    return text.replace("\0", "")[:MAX_TERM]
