"""Builds the webhook, connects its parts, and takes it down again. Nothing else does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import kopf

from headwater.program.values import Address
from headwater.program.watched_files import UnusableFile, WatchedFiles

from ..http_door import Figure, serving
from ..injection.cluster_view import ClusterView
from ..kubernetes_api import KubernetesApi, find_connection
from .admission import Admission
from .certificates import ServerCertificate
from .cluster_cache import ClusterCache
from .https_door import answering
from .injected_pod import Injector
from .settings import Settings

PREFIX = "headwater_webhook_"
CONNECTIONS = 64
"""To the API server: each kind that is followed has one for itself."""

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook that answers, where it does, and what it knows."""

    https: Address
    http: Address
    cache: ClusterCache
    admission: Admission


@contextlib.asynccontextmanager
async def running(
    settings: Settings, connect: Callable[[], kopf.ConnectionInfo] = find_connection
) -> AsyncIterator[Webhook]:
    """A webhook that answers inside of the block. Raises UnusableFile, KubernetesApiError or OSError."""
    assert settings.tls_certificate_file is not None
    assert settings.tls_key_file is not None
    certificate = ServerCertificate(settings.tls_certificate_file, settings.tls_key_file)
    ca = _certificates(settings.emitter.ca_file)
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(KubernetesApi(connect, connections=CONNECTIONS))
        view = ClusterView(settings.cluster)
        cache = ClusterCache(api, view)
        admission = Admission(Injector(settings, view), cache.owners, ca)

        def figures() -> Iterator[Figure]:
            yield Figure("known_objects", "Objects of the cluster that are remembered.", cache.sizes(), label="kind")
            yield Figure("lists", "How many times a kind was listed.", cache.restarts(), is_counter=True, label="kind")
            about = "When the certificate ends."
            yield Figure("certificate_expiry_timestamp_seconds", about, certificate.expiry)

        counted = admission.figures
        further = (counted.reviews, counted.closed, counted.guessed, counted.seconds)
        serve = serving(settings.http_address, figures, cache.unready, prefix=PREFIX, further=further)
        http = await stack.enter_async_context(serve)
        stack.push_async_callback(cache.stop)
        cache.start()
        https = await stack.enter_async_context(
            answering(settings.https_address, certificate.context(), admission.answer)
        )
        yield Webhook(https, http, cache, admission)


def _certificates(path: Path | None) -> Callable[[], str]:
    """The text of the CA file as it is when it is asked for. Raises UnusableFile."""
    if path is None:
        return lambda: ""

    def read(content: bytes) -> str:
        if content.count(_BEGIN) == 0 or content.count(_BEGIN) != content.count(_END):
            raise UnusableFile(path, ["holds no certificates in PEM"])
        return content.decode(errors="replace")

    files = WatchedFiles([path], read)
    return lambda: files.value
