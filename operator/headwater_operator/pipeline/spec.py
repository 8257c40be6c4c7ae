"""What stands in a `LineagePipeline`. The CRD is generated from this module, so each word of it is written once.

Types, bounds, defaults and descriptions become the resource's OpenAPI schema; `rule(…)` becomes a CEL rule, which the
API server checks before anything is stored. Field names are camelCase in the resource.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct, field

NAME_VARIABLES = ("cluster", "namespace", "pipeline", "kind", "name")
"""What may stand in braces in `namespaceName` and `jobName`."""

_VARIABLES = "|".join(NAME_VARIABLES)
_TEMPLATE = f"^([^{{}}]|[{{]({_VARIABLES})[}}])+$"
_BRACES = "braces may hold only cluster, namespace, pipeline, kind or name, as in k8s://{cluster}/{namespace}"
_KIND = "^[A-Z][A-Za-z0-9]*$"


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """CEL rules of the schema that they are put on, each with the message that says the way out."""
    return {"x-kubernetes-validations": [{"rule": expression, "message": message} for expression, message in pairs]}


def rule(expression: str, message: str) -> dict[str, Any]:
    """One CEL rule."""
    return rules((expression, message))


class Criticality(StrEnum):
    """How much depends on a pipeline."""

    PRODUCTION = "PRODUCTION"
    STANDARD = "STANDARD"
    EXPERIMENTAL = "EXPERIMENTAL"


class LabelOperator(StrEnum):
    """How a label is compared."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class _Part(Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the resource. Unknown fields are left to the API server, which prunes them."""


class LabelRequirement(_Part, frozen=True):
    """One condition on a label."""

    key: Annotated[str, Meta(description="The label's key.", min_length=1, max_length=317)]
    operator: Annotated[LabelOperator, Meta(description="How the label's value is compared with `values`.")]
    values: Annotated[
        tuple[Annotated[str, Meta(max_length=63)], ...],
        Meta(description="The values of In and NotIn; empty for Exists and DoesNotExist.", max_length=64),
    ] = ()


class LabelSelector(_Part, frozen=True):
    """Conditions on labels; all must hold."""

    match_labels: Annotated[
        dict[str, str], Meta(description="Labels that must be there with these values.", max_length=64)
    ] = field(default_factory=dict)
    match_expressions: Annotated[
        tuple[
            Annotated[
                LabelRequirement,
                Meta(
                    extra_json_schema=rule(
                        "self.operator in ['In', 'NotIn'] ? self.values.size() > 0 : self.values.size() == 0",
                        "In and NotIn need values; Exists and DoesNotExist take none",
                    )
                ),
            ],
            ...,
        ],
        Meta(description="Further conditions on labels.", max_length=64),
    ] = ()


class Selector(_Part, frozen=True):
    """Says which workloads of the namespace the pipeline covers. What is empty selects everything.

    A workload is covered when it, or one of its owners, is of one of the kinds, has the labels and one of the names.
    """

    kinds: Annotated[
        tuple[Annotated[str, Meta(pattern=_KIND, max_length=63)], ...],
        Meta(
            description="Kinds of workloads, such as Job, CronJob, Workflow or TrainJob; KubeflowPipelineRun is a "
            "Workflow that Kubeflow Pipelines made. Empty selects all kinds.",
            max_length=64,
        ),
    ] = ()
    label_selector: Annotated[LabelSelector, Meta(description="Labels that the workload must have.")] = field(
        default_factory=LabelSelector
    )
    names: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=253)], ...],
        Meta(
            description="Names of workloads, with * for any characters and ? for one. Empty selects all names.",
            max_length=64,
        ),
    ] = ()


Uri = Annotated[
    str,
    Meta(
        max_length=1024,
        extra_json_schema=rule(
            "self.contains(':/') || self.startsWith('/')",
            "must be a URI such as s3://bucket/path, or a path such as /data",
        ),
    ),
]
"""A URI such as s3://bucket/path; what begins with a slash is a file."""


class Declaration(_Part, frozen=True):
    """Says what jobs read and write that say nothing themselves. It counts for a run only while neither the run nor a
    descendant of it has reported any input or output."""

    job: Annotated[
        str,
        Meta(
            description="The names of the jobs, as they are in the namespace before jobName is applied, with * for any "
            "characters and ? for one.",
            min_length=1,
            max_length=253,
        ),
    ] = "*"
    inputs: Annotated[
        tuple[Uri, ...],
        Meta(description="URIs of the datasets that they read, such as s3://bucket/path.", max_length=64),
    ] = ()
    outputs: Annotated[
        tuple[Uri, ...],
        Meta(description="URIs of the datasets that they write, such as s3://bucket/path.", max_length=64),
    ] = ()


Expression = Annotated[str, Meta(min_length=1, max_length=4096)]


class Rule(_Part, frozen=True):
    """Says how objects of a custom resource are understood that Headwater does not know.

    Its expressions are JMESPath over the object as the API server shows it. One that finds something other than null,
    false or an empty value holds.
    """

    group: Annotated[str, Meta(description="The API group, such as example.com.", min_length=1, max_length=253)]
    version: Annotated[str, Meta(description="The version, such as v1.", min_length=1, max_length=63)]
    kind: Annotated[str, Meta(description="The kind, such as Training.", pattern=_KIND, max_length=63)]
    plural: Annotated[str, Meta(description="The plural, such as trainings.", min_length=1, max_length=63)]
    started: Annotated[Expression, Meta(description="Holds once an object has begun to run.")]
    succeeded: Annotated[Expression, Meta(description="Holds once it has ended well.")]
    failed: Annotated[str, Meta(description="Holds once it has failed.", max_length=4096)] = ""
    started_at: Annotated[
        str,
        Meta(description="Finds when it began; without it, when the object was created.", max_length=4096),
    ] = ""
    ended_at: Annotated[
        str,
        Meta(
            description="Finds when it ended; without it, the time of the last change of its conditions.",
            max_length=4096,
        ),
    ] = ""
    inputs: Annotated[str, Meta(description="Finds the URIs of what it reads: a text or a list.", max_length=4096)] = ""
    outputs: Annotated[
        str, Meta(description="Finds the URIs of what it writes: a text or a list.", max_length=4096)
    ] = ""


class Sampling(_Part, frozen=True):
    """Says how much is kept of runs that succeeded.

    The fact of a run, its times, inputs, outputs and versions are always kept, and all of a run that failed, was the
    first of its job, or changed a schema.
    """

    successful_percent: Annotated[
        int, Meta(description="How many in a hundred of the runs that succeeded are kept whole.", ge=0, le=100)
    ] = 100


class Injection(_Part, frozen=True):
    """Says whether the emitter sidecar is put into the pods of the pipeline's workloads."""

    enabled: Annotated[bool, Meta(description="Whether it is.")] = False
    volume_claim: Annotated[
        str,
        Meta(
            description="The PersistentVolumeClaim on which the emitter keeps what was not delivered; without it, that "
            "is lost with the pod, and counted.",
            max_length=253,
        ),
    ] = ""
    labels: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=317)], ...],
        Meta(description="Keys of the pod's labels that are told with each event.", max_length=32),
    ] = ()


class Retention(_Part, frozen=True):
    """Says how long events of the pipeline's runs are wanted."""

    days: Annotated[
        int,
        Meta(
            description="For how many days; 0 for as long as the server keeps any. Told by `headwater pipelines`; "
            "when events are dropped is the server's own setting, for all of them.",
            ge=0,
            le=36500,
        ),
    ] = 0


class Spec(_Part, frozen=True):
    """Says which workloads are watched, and what is known of them that they do not say."""

    description: Annotated[str, Meta(description="What the pipeline is, in words.", max_length=4096)] = ""
    owner: Annotated[
        str, Meta(description="Who owns it: a team or a person, as your organization writes it.", max_length=253)
    ] = ""
    criticality: Annotated[
        Criticality, Meta(description="How much depends on it. Runs of a PRODUCTION pipeline are never sampled.")
    ] = Criticality.STANDARD
    selector: Annotated[Selector, Meta(description="Which workloads of the namespace it covers; all where empty.")] = (
        field(default_factory=Selector)
    )
    namespace_name: Annotated[
        str,
        Meta(
            description="The lineage namespace of its jobs. May hold {cluster}, {namespace}, {pipeline}, {kind} and "
            "{name}.",
            max_length=512,
            extra_json_schema=rule(f"self.matches('{_TEMPLATE}')", _BRACES),
        ),
    ] = "k8s://{cluster}/{namespace}"
    job_name: Annotated[
        str,
        Meta(
            description="The lineage name of its jobs. May hold {cluster}, {namespace}, {pipeline}, {kind} and {name}.",
            max_length=512,
            extra_json_schema=rules(
                (f"self.matches('{_TEMPLATE}')", _BRACES),
                ("self.contains('{name}')", "must hold {name}, or all jobs of the pipeline would be one"),
            ),
        ),
    ] = "{name}"
    declared: Annotated[
        tuple[
            Annotated[
                Declaration,
                Meta(
                    extra_json_schema=rule(
                        "self.inputs.size() + self.outputs.size() > 0",
                        "declares nothing: give inputs, outputs or both",
                    )
                ),
            ],
            ...,
        ],
        Meta(description="What jobs read and write that say nothing themselves.", max_length=100),
    ] = ()
    rules: Annotated[
        tuple[Rule, ...],
        Meta(description="How objects of other custom resources are understood.", max_length=32),
    ] = ()
    sampling: Annotated[Sampling, Meta(description="How much is kept of runs that succeeded.")] = field(
        default_factory=Sampling
    )
    injection: Annotated[
        Injection, Meta(description="Whether the emitter sidecar is put into pods; it is not unless it is enabled.")
    ] = field(default_factory=Injection)
    retention: Annotated[Retention, Meta(description="How long events of its runs are wanted.")] = field(
        default_factory=Retention
    )
