"""Names of artifacts: `<pipeline>/<task path>/<output>`, the same for every run; an artifact's URI is its version."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_RUN = rf"(?P<pipeline>[^/]+)/(?P<run_id>{_UUID})/(?P<task>[^/]+)"
_URIS = (
    re.compile(rf"(?P<own>.+/{_RUN}/{_UUID}/(?P<output>[^/]+))(?:/.*)?$"),
    re.compile(rf"(?P<own>.+/v2/artifacts/(?:.+/)?{_RUN}/(?P<output>[^/]+))$"),
)
_KINDS = {
    "Model": "MODEL",
    "Metrics": "METRICS",
    "Metric": "METRICS",
    "Endpoint": "ENDPOINT",
    "Table": "TABLE",
    "HTML": "FILE",
    "Markdown": "FILE",
}


@dataclass(frozen=True, slots=True)
class ArtifactUri:
    """The URI that a driver gave an artifact, `<root>/<pipeline>/<run id>/<task>/<uuid>/<output>`, or one in it.

    `own` is the artifact's own URI. `task` is the last part of the task's path, or how people call the task: what it is
    nested in is not in the URI.
    """

    pipeline: str
    run_id: str
    task: str
    output: str
    own: str

    @property
    def dataset_name(self) -> str:
        """The dataset's name, where nobody is left who knows better: right if the task is not nested in anything."""
        return artifact_name(self.pipeline, self.task, self.output)


def parse_artifact_uri(uri: str) -> ArtifactUri | None:
    """The artifact that a URI is of by its form; None for any other URI.

    Early releases put no second UUID in it: that is an artifact below Kubeflow's own root alone, since too much looks
    alike.
    """
    path = uri.partition("?")[0].rstrip("/")
    found = next((each for form in _URIS if (each := form.match(path))), None)
    return ArtifactUri(**found.groupdict()) if found else None


def job_name(pipeline: str, path: str) -> str:
    """The usual name of a task's job."""
    return f"{pipeline}.{path}"


def artifact_name(pipeline: str, path: str, output: str) -> str:
    """The dataset's name of an output."""
    return f"{pipeline}/{path}/{output}"


def dataset_kind(type_name: str) -> str:
    """The kind of dataset that an artifact of a type is: by the end of its name, as in `google.VertexModel`.

    Empty where the type tells none, as `Dataset` does: what is imported may be known better by who wrote it.
    """
    return next((kind for end, kind in _KINDS.items() if type_name.endswith(end)), "")
