"""Makes features of the wines, each with mean 0 and variance 1, and tells so by OpenLineage.

Where the client sends events to is nothing that this program knows.
"""

import csv
import os
from datetime import UTC, datetime
from pathlib import Path

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import dataset_type_dataset, schema_dataset
from openlineage.client.uuid import generate_new_uuid
from sklearn.preprocessing import StandardScaler

BUCKETS = Path("/buckets")
BUCKET, SOURCE, RESULT = "lake", "clean/wine.csv", "features/wine.csv"

client = OpenLineageClient()
run = Run(str(generate_new_uuid()))
job = Job(os.environ.get("OPENLINEAGE_NAMESPACE", "wine"), "make_features")


def tell(state: RunState, names: list[str]) -> None:
    """Sends an event of this run."""
    facets = {
        "schema": schema_dataset.SchemaDatasetFacet(
            fields=[schema_dataset.SchemaDatasetFacetFields(name=name, type="double") for name in names]
        ),
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet("FEATURE_TABLE"),
    }
    client.emit(
        RunEvent(
            eventTime=datetime.now(UTC).isoformat(),
            eventType=state,
            run=run,
            job=job,
            inputs=[InputDataset(f"s3://{BUCKET}", SOURCE)],
            outputs=[OutputDataset(f"s3://{BUCKET}", RESULT, facets=facets)],
            producer="https://example.com/wine",
        )
    )


with (BUCKETS / BUCKET / SOURCE).open(newline="") as file:
    heading, *rows = csv.reader(file)
tell(RunState.START, heading)
features = StandardScaler().fit_transform([[float(value) for value in row[:-1]] for row in rows])
place = BUCKETS / BUCKET / RESULT
place.parent.mkdir(parents=True, exist_ok=True)
with place.open("w", newline="") as file:
    table = csv.writer(file)
    table.writerow(heading)
    table.writerows([*values, row[-1]] for values, row in zip(features, rows, strict=True))
tell(RunState.COMPLETE, heading)
