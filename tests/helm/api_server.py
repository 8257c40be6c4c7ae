"""As much of an API server as Helm asks for when it renders against a cluster: what there is, and the Secrets in it."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .charts import KUBERNETES, Object

NOT_FOUND = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}


@contextmanager
def api_server(objects: Sequence[Object]) -> Iterator[str]:
    """Serves the objects' kinds, and of the objects themselves the Secrets; gives its address."""
    answers = _answers(objects)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            body = json.dumps(answer or NOT_FOUND).encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keeps quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _answers(objects: Sequence[Object]) -> dict[str, Object]:
    """What is answered, by path."""
    kinds: defaultdict[str, dict[str, Object]] = defaultdict(dict)
    for each in objects:
        kind = each["kind"]
        plural = kind.lower().removesuffix("y") + ("ies" if kind.endswith("y") else "s")
        resource = {"name": plural, "kind": kind, "namespaced": "namespace" in each["metadata"], "verbs": ["get"]}
        kinds[each["apiVersion"]][plural] = resource
    groups = [
        {"name": version.partition("/")[0], "versions": [{"groupVersion": version, "version": version.split("/")[1]}]}
        for version in kinds
        if "/" in version
    ]
    major, minor = KUBERNETES.split(".")
    return {
        "/version": {"major": major, "minor": minor, "gitVersion": f"v{KUBERNETES}.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
        **{
            f"/{'apis' if '/' in version else 'api'}/{version}": {
                "kind": "APIResourceList",
                "groupVersion": version,
                "resources": list(resources.values()),
            }
            for version, resources in kinds.items()
        },
        **{
            f"/api/v1/namespaces/{each['metadata']['namespace']}/secrets/{each['metadata']['name']}": each
            for each in objects
            if each["kind"] == "Secret"
        },
    }
