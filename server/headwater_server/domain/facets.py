"""The facets that change the graph or an asset, as producers write them.

Only what Headwater understands is typed; every facet is kept whole beside it. A null is a missing value. A facet with
`_deleted` says that the facet no longer holds.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

MAX_NAME_BYTES = 2048
"""The longest namespace, name, field path or run id, in UTF-8 bytes; an index entry has to hold it."""

Name = Annotated[str, Meta(min_length=1)]


class Deletable(Struct, rename={"deleted": "_deleted"}):
    """A facet that a later event can delete."""

    deleted: bool | None = None


class SchemaFieldFacet(Struct):
    """One field of a schema, with the fields inside it."""

    name: str
    type: Any = None
    description: str | None = None
    fields: list[SchemaFieldFacet] | None = None
    ordinal_position: int | None = None


class SchemaFacet(Deletable):
    """The schema of a dataset."""

    fields: list[SchemaFieldFacet] | None = None


class TransformationFacet(Struct):
    """How a field is made of another."""

    type: str
    subtype: str | None = None
    description: str | None = None
    masking: bool | None = None


class InputFieldFacet(Struct):
    """The field that another is made of."""

    namespace: Name
    name: Name
    field: str
    transformations: list[TransformationFacet] | None = None


class ColumnFacet(Struct, rename={"transformation_type": "transformationType"}):
    """What one field is made of; `transformationType` is how this was said before `transformations`."""

    input_fields: list[InputFieldFacet] | None = msgspec.field(name="inputFields", default=None)
    transformation_type: str | None = None


class ColumnLineageFacet(Deletable):
    """What the fields of an output are made of; `dataset` names fields that act on all of it."""

    fields: dict[str, ColumnFacet] | None = None
    dataset: list[InputFieldFacet] | None = None


class LineageInputFacet(Struct):
    """A source of explicit lineage; a JOB without a name is the event's own."""

    type: str
    namespace: str | None = None
    name: str | None = None
    field: str | None = None
    transformations: list[TransformationFacet] | None = None


class LineageFieldFacet(Struct):
    """The sources of one field."""

    inputs: list[LineageInputFacet]


class DatasetLineageFacet(Deletable):
    """Explicit lineage of one dataset."""

    inputs: list[LineageInputFacet] | None = None
    fields: dict[str, LineageFieldFacet] | None = None


class LineageEntryFacet(Struct):
    """Explicit lineage of one target; a JOB without a name is the event's own."""

    type: str
    namespace: str | None = None
    name: str | None = None
    inputs: list[LineageInputFacet] | None = None
    fields: dict[str, LineageFieldFacet] | None = None


class JobLineageFacet(Deletable):
    """Explicit lineage that a job states."""

    entries: list[LineageEntryFacet] | None = None


class IdentifierFacet(Struct):
    """Another name of a dataset."""

    namespace: Name
    name: Name
    type: str | None = None


class SymlinksFacet(Deletable):
    """The other names of a dataset."""

    identifiers: list[IdentifierFacet] | None = None


class PreviousFacet(Struct):
    """The name that a dataset had."""

    namespace: Name
    name: Name


class LifecycleFacet(Deletable, rename={"change": "lifecycleStateChange", "previous": "previousIdentifier"}):
    """What happened to a dataset: ALTER, CREATE, DROP, OVERWRITE, RENAME or TRUNCATE."""

    change: str | None = None
    previous: PreviousFacet | None = None


class VersionFacet(Deletable, rename={"version": "datasetVersion"}):
    """The version that a producer names."""

    version: Any = None


class SqlFacet(Deletable):
    """The SQL of a job."""

    query: str | None = None


class ParentJobFacet(Struct):
    """The job of a parent run."""

    namespace: Name
    name: Name


class ParentIdFacet(Struct):
    """The id of a parent run."""

    run_id: Name = msgspec.field(name="runId")


class RootFacet(Struct):
    """The run at the root of a tree."""

    run: ParentIdFacet
    job: ParentJobFacet


class ParentFacet(Struct):
    """The run that started a run."""

    run: ParentIdFacet
    job: ParentJobFacet
    root: RootFacet | None = None


class NominalTimeFacet(Struct, rename={"start": "nominalStartTime", "end": "nominalEndTime"}):
    """The interval that a run was scheduled for."""

    start: str | None = None
    end: str | None = None


FacetMap = dict[str, Raw]
"""Facets by name, each as the JSON text that its producer wrote."""
