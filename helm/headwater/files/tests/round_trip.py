"""What `helm test` asks of the service: an event goes in by a ServiceAccount's token, and the answer comes out."""

import os
from datetime import datetime, timezone
from uuid import uuid4

from headwater import SyncClient

NAMESPACE = os.environ["TEST_NAMESPACE"]
run = str(uuid4())
event = {
    "eventType": "COMPLETE",
    "eventTime": datetime.now(timezone.utc).isoformat(),
    "producer": "https://headwater.dev/helm-test",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": run},
    "job": {"namespace": NAMESPACE, "name": "helm-test"},
    "inputs": [{"namespace": NAMESPACE, "name": "asked"}],
    "outputs": [{"namespace": NAMESPACE, "name": "answered"}],
}
with SyncClient() as client:
    client.write_event(event)
    print("the event is committed:", client.get_run(run).name)
    found = [node.display_name for node in client.get_lineage(f"{NAMESPACE}/answered").nodes]
assert found == ["answered", "asked"], f"upstream of what was written is {found}"
print("upstream of what was written is what was read")
