"""How a gap is told: as an event about the run or job whose events were dropped, so no graph pretends to be whole.

Pure, and the same for the same gap.
"""

from collections.abc import Callable

from google.protobuf.timestamp_pb2 import Timestamp

from ..assets import describe_facets
from ..v1.event_pb2 import Event, EventJob, EventRun, JobEvent, RunEvent
from .items import Gap

GAP = "headwater_gap"
"""The run or job facet: how many events were dropped, and when."""

_FACETS = "https://headwater.dev/facets/1-0-0/"


def gap_events(producer: str, namespace: str, job: str, run_id: str = "") -> Callable[[Gap], Event]:
    """Gives what makes the event of a gap, as `Delivery` wants it: about a run of a job, or the job itself.

    >>> Delivery(spool, client, make_gap_event=gap_events(PRODUCER, "headwater", "operator/prod"))
    """

    def make(gap: Gap) -> Event:
        time = Timestamp()
        time.FromMilliseconds(gap.until_milliseconds)
        if run_id:
            run = EventRun(run_id=run_id, facets=gap_facets(gap, producer, "GapRunFacet"))
            told = EventJob(namespace=namespace, name=job)
            return Event(run_event=RunEvent(event_time=time, producer=producer, run=run, job=told))
        told = EventJob(namespace=namespace, name=job, facets=gap_facets(gap, producer, "GapJobFacet"))
        return Event(job_event=JobEvent(event_time=time, producer=producer, job=told))

    return make


def gap_facets(gap: Gap, producer: str, definition: str) -> dict[str, bytes]:
    """Gives the facet of a gap by its name, as JSON text; the definition is GapRunFacet or GapJobFacet."""
    since, until = Timestamp(), Timestamp()
    since.FromMilliseconds(gap.since_milliseconds)
    until.FromMilliseconds(gap.until_milliseconds)
    facet = {
        "_producer": producer,
        "_schemaURL": f"{_FACETS}{definition}.json#/$defs/{definition}",
        "dropped": gap.dropped,
        "since": since.ToJsonString(),
        "until": until.ToJsonString(),
    }
    return describe_facets({GAP: facet})
