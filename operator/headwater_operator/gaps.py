"""Gaps: what was dropped for want of room is told to the server, so that nobody takes what it knows for all there was.

A gap is a failed run of the job `headwater-operator` of the cluster: it lasted from when the first event that was
dropped was put until the last one was dropped. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid5

from google.protobuf.timestamp_pb2 import Timestamp

from headwater.assets import describe_facets
from headwater.spool import Gap, gap_facets
from headwater.v1 import event_pb2 as pb

from .events import PRODUCER
from .observation import Facets

JOB = "headwater-operator"

_GAPS = UUID("6e0fd0a4-8d8f-4b8e-9a53-6f1d3c7a2b90")
_SCHEMAS = {
    "errorMessage": "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json",
    "jobType": "https://openlineage.io/spec/facets/2-0-4/JobTypeJobFacet.json",
    "nominalTime": "https://openlineage.io/spec/facets/1-0-1/NominalTimeRunFacet.json",
}


def gap_event(gap: Gap, cluster: str) -> pb.Event:
    """The event that tells of a gap of a cluster's operator: the same for the same gap."""
    since, until = _text(gap.since_milliseconds), _text(gap.until_milliseconds)
    message = (
        f"{gap.dropped} events of pipelines that are not PRODUCTION were dropped between {since} and {until}: "
        "the server did not take them in time, and the operator's spool had no more room"
    )
    time = Timestamp()
    time.FromMilliseconds(gap.until_milliseconds)
    run_id = uuid5(_GAPS, f"{cluster} {gap.dropped} {gap.since_milliseconds} {gap.until_milliseconds}")
    run: dict[str, Mapping[str, object]] = {
        "errorMessage": {"message": message, "programmingLanguage": "unknown"},
        "nominalTime": {"nominalStartTime": since, "nominalEndTime": until},
    }
    job: dict[str, Mapping[str, object]] = {
        "jobType": {"processingType": "SERVICE", "integration": "KUBERNETES", "jobType": "OPERATOR"}
    }
    event = pb.RunEvent(
        event_time=time,
        event_type=pb.EVENT_TYPE_FAIL,
        producer=PRODUCER,
        run=pb.EventRun(run_id=str(run_id), facets=_facets(run) | gap_facets(gap, PRODUCER, "GapRunFacet")),
        job=pb.EventJob(namespace=f"k8s://{cluster}", name=JOB, facets=_facets(job)),
    )
    return pb.Event(run_event=event)


def _facets(facets: Facets) -> dict[str, bytes]:
    marked = {name: {"_producer": PRODUCER, "_schemaURL": _SCHEMAS[name], **facet} for name, facet in facets.items()}
    return describe_facets(marked)


def _text(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
