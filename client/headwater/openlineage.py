"""A transport for openlineage-python: the events of any program that uses it, over gRPC.

Where this package is installed, two variables are all that such a program needs:

    OPENLINEAGE__TRANSPORT__TYPE=headwater.openlineage.GrpcTransport
    OPENLINEAGE__TRANSPORT__ADDRESS=headwater.lineage.svc:4970

The only module that imports openlineage.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from openlineage.client.client import Event
from openlineage.client.serde import Serde
from openlineage.client.transport import Config, Transport

from .settings import Settings
from .sync import SyncClient
from .v1.ingest_service_pb2 import WriteEventResponse

_log = logging.getLogger(__name__)
_KEYS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "address": ("address", str),
    "token_file": ("token_file", Path),
    "ca_file": ("ca_file", Path),
    "ca": ("ca", str),
    "timeout": ("timeout_seconds", float),
    "max_attempts": ("max_attempts", int),
}


class GrpcConfig(Config):
    """Configures the transport. Every key is optional: what is not given, the environment says (see `Settings`).

    `address` is a gRPC target, `token_file` and `ca_file` are paths, `ca` is PEM text, `timeout` the seconds for an
    event with all its attempts, `max_attempts` how many there may be.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @classmethod
    def from_dict(cls, params: dict[str, Any]) -> Self:
        """Reads the transport's part of OpenLineage's configuration. Raises ValueError for a value without meaning."""
        unknown = params.keys() - _KEYS.keys() - {"type", "transports"}
        if unknown:
            _log.warning("the transport knows no %s", ", ".join(sorted(unknown)))
        given = {_KEYS[key][0]: _KEYS[key][1](value) for key, value in params.items() if key in _KEYS}
        return cls(replace(Settings.from_environment(), **given))


class GrpcTransport(Transport):
    """Sends every event and waits until the server has committed it.

    >>> OpenLineageClient(transport=GrpcTransport(GrpcConfig(Settings(address="127.0.0.1:4970")))).emit(event)
    """

    kind = "headwater"
    config_class = GrpcConfig

    def __init__(self, config: GrpcConfig) -> None:
        self._client = SyncClient(settings=config.settings)

    def emit(self, event: Event) -> WriteEventResponse:
        """Sends an event. Raises HeadwaterError where it is rejected, or the server stays away to the last attempt."""
        return self._client.write_event(Serde.to_json(event))

    def close(self, timeout: float = -1) -> bool:
        """Closes the connection. Nothing is ever left to send, so this neither waits nor fails."""
        self._client.close()
        return True
