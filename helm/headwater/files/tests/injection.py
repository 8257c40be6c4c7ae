"""What `helm test` asks of the API server: a pod, of which nothing is kept, gets the emitter."""

import json
import os
import ssl
import time
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PATIENCE_SECONDS = 60
"""How long the webhook may take to see a namespace and a pipeline that were made a moment ago."""

url = f"https://kubernetes.default.svc/api/v1/namespaces/{os.environ['TEST_NAMESPACE']}/pods?dryRun=All"
headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}", "Content-Type": "application/json"}
context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
deadline = time.monotonic() + PATIENCE_SECONDS
while True:
    request = urllib.request.Request(url, os.environ["TEST_POD"].encode(), headers, method="POST")
    with urllib.request.urlopen(request, context=context) as answer:
        pod, warnings = json.load(answer), answer.headers.get_all("Warning") or []
    containers = [each["name"] for each in pod["spec"].get("initContainers", [])]
    if containers == ["headwater-emitter"]:
        print("the pod was given the emitter:", pod["spec"]["initContainers"][0]["image"])
        break
    if time.monotonic() > deadline:
        raise SystemExit(f"after {PATIENCE_SECONDS} s a pod is made without the emitter; warnings: {warnings}")
    time.sleep(1)
