"""AdmissionReviews as the API server sends them, and the answers that it takes. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from .patch import Operation

_LONGEST_WARNING = 250
"""Characters; the API server cuts after 256."""


class Undecodable(ValueError):
    """A request that is no AdmissionReview, and has no UID to answer under."""


class _Resource(msgspec.Struct, frozen=True):
    group: str = ""
    resource: str = ""


class Request(msgspec.Struct, frozen=True, rename="camel"):
    """What is asked: may this object be created. The object is left as text until it is wanted."""

    uid: str
    namespace: str = ""
    operation: str = ""
    sub_resource: str = ""
    resource: _Resource = _Resource()
    object: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def creates_pod(self) -> bool:
        """Whether a pod is created. Anything else is none of the webhook's business."""
        wanted = ("CREATE", "", "pods", "")
        return (self.operation, self.resource.group, self.resource.resource, self.sub_resource) == wanted

    def pod(self) -> dict[str, Any]:
        """The pod. Raises ValueError where it is none."""
        pod = msgspec.json.decode(self.object)
        if not isinstance(pod, dict) or not all(isinstance(pod.get(key), dict) for key in ("metadata", "spec")):
            raise ValueError("the object has no metadata and spec")
        return pod


class _Review(msgspec.Struct, frozen=True):
    request: Request


class _LeastRequest(msgspec.Struct, frozen=True):
    uid: str


class _LeastReview(msgspec.Struct, frozen=True):
    request: _LeastRequest


_decoder = msgspec.json.Decoder(_Review)
_least_decoder = msgspec.json.Decoder(_LeastReview)
_encoder = msgspec.json.Encoder()


def read_request(body: bytes) -> Request:
    """The request in a review; one without meaning has its UID alone. Raises Undecodable."""
    try:
        return _decoder.decode(body).request
    except msgspec.DecodeError:
        try:
            return Request(_least_decoder.decode(body).request.uid)
        except msgspec.DecodeError as error:
            raise Undecodable(f"this is no AdmissionReview: {error}") from error


def make_answer(uid: str, operations: Sequence[Operation] = (), warnings: Iterable[str] = ()) -> bytes:
    """The answer that admits, with a patch where there are operations."""
    response: dict[str, Any] = {"uid": uid, "allowed": True}
    if operations:
        patch = b64encode(_encoder.encode(operations)).decode()
        response |= {"patchType": "JSONPatch", "patch": patch}
    if told := [_line(each) for each in warnings]:
        response["warnings"] = told
    return _encoder.encode({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})


def _line(warning: str) -> str:
    text = f"headwater: {' '.join(warning.split())}"
    return text if len(text) <= _LONGEST_WARNING else text[: _LONGEST_WARNING - 1] + "…"
