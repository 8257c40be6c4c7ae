"""The parameters of a request's query, as fields of a request of the contract in protobuf's JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from ..domain.errors import InvalidField

SWITCHES = {"true": True, "1": True, "yes": True, "": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: the field it sets, how its text is read, and whether it may come more than once."""

    field: str
    read: Callable[[str], object] = str
    is_repeated: bool = False


def word_of(enum: str) -> Callable[[str], str]:
    """Reads a value of an enum by its last word: `downstream` is `DIRECTION_DOWNSTREAM`."""
    return lambda text: f"{enum}_{text.upper().removeprefix(f'{enum}_')}"


def switch(text: str) -> object:
    """Reads a yes or no; what is neither is left for the contract to refuse."""
    return SWITCHES.get(text.lower(), text)


KIND = Parameter("dataset_kinds", word_of("DATASET_KIND"), is_repeated=True)
TRAVERSAL: Mapping[str, Parameter] = {
    "field": Parameter("field"),
    "level": Parameter("level", word_of("LEVEL")),
    "max_depth": Parameter("max_depth"),
    "max_nodes": Parameter("max_nodes"),
    "as_of": Parameter("as_of"),
    "kind": KIND,
    "exclude_inferred": Parameter("exclude_inferred", switch),
    "exclude_indirect": Parameter("exclude_indirect", switch),
    "min_position": Parameter("min_position"),
}
LINEAGE = {
    **TRAVERSAL,
    "root": Parameter("roots", is_repeated=True),
    "direction": Parameter("direction", word_of("DIRECTION")),
}
SEARCH = {
    "q": Parameter("query"),
    "type": Parameter("types", word_of("ASSET_TYPE"), is_repeated=True),
    "kind": KIND,
    "tag": Parameter("tag"),
    "owner": Parameter("owner"),
    "field": Parameter("field"),
    "namespace": Parameter("namespace"),
    "page_size": Parameter("page_size"),
    "page_token": Parameter("page_token"),
    "show_deleted": Parameter("show_deleted", switch),
}
SHOW = {"view": Parameter("view", word_of("ASSET_VIEW"))}


def read_parameters(query: QueryParams, known: Mapping[str, Parameter]) -> dict[str, object]:
    """The fields that a query sets. Raises InvalidField for a parameter that is not known, or comes too often."""
    fields: dict[str, object] = {}
    for name in query:
        parameter, values = known.get(name), query.getlist(name)
        if parameter is None:
            raise InvalidField(name, "is no parameter here", f"use {', '.join(sorted(known))}")
        if len(values) > 1 and not parameter.is_repeated:
            raise InvalidField(name, "comes more than once", "give it once")
        fields[parameter.field] = (
            [parameter.read(value) for value in values] if parameter.is_repeated else parameter.read(values[0])
        )
    return fields
