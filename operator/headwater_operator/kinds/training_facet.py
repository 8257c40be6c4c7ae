"""The run facet `headwater_training`: what came of a training or of a search for the best one.

Its schema is published with the client, as `facets/TrainingRunFacet.json`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..observation import Run

TRAINING = "headwater_training"


def with_results(run: Run, metrics: Mapping[str, float], **details: object) -> Run:
    """A run with what came of it: measures and further details.

    The measures are also those of the models that it writes, or of its one output. Only its end tells them, so the
    outputs are no part of what is said of its start.
    """
    listed = [{"name": name, "value": value} for name, value in sorted(metrics.items())]
    facet = {name: value for name, value in {"metrics": listed, **details}.items() if value}
    models = [each for each in run.outputs if each.kind == "MODEL"]
    measured = models or (run.outputs if len(run.outputs) == 1 else ())
    outputs = tuple(replace(each, metrics=metrics) if each in measured else each for each in run.outputs)
    return replace(run, outputs=(), planned_outputs=outputs, end_facets={TRAINING: facet} if facet else {})


def read_metrics(metrics: Iterable[Mapping[str, Any]], strategies: Mapping[str, str] | None = None) -> dict[str, float]:
    """Measures by name, as Trainer (`value`) or Katib (`min`, `max`, `latest`) list them; only those that are numbers.

    `strategies` says by name which of Katib's three counts; the latest where it does not.
    """
    found = {}
    for each in metrics:
        text = each.get("value", each.get((strategies or {}).get(str(each.get("name")), "latest")))
        try:
            value = float(str(text))
        except ValueError:
            continue  # Katib writes "unavailable"
        if math.isfinite(value):
            found[str(each.get("name"))] = value
    return found
