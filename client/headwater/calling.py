"""What every call of the client shares: finding the asset that is meant, trying again, and turning pages.

Written in terms of a `Wire`, so that it serves the asyncio and the blocking face alike.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import TypeAlias, TypeVar

import grpc
from google.protobuf.message import Message

from .errors import from_rpc_error
from .listing import Listing, P
from .names import InvalidName, ResourceName, parse_name
from .retry import Attempts
from .settings import Settings
from .v1 import catalog_service_pb2 as api
from .wire import R, Wire

Asset: TypeAlias = str | ResourceName
"""How a caller names an asset: an address as a person reads it, a run's id, or a resource name, as text or parsed."""

M = TypeVar("M", bound=Message)
T = TypeVar("T")


class Caller:
    """Makes calls. Holds the settings and the wire; the classes of the services add the methods.

    Every method takes `timeout_seconds`, the time for all of the call and its repetitions (for one page of a list);
    without it the settings' holds. Every method raises `HeadwaterError`.
    """

    def __init__(self, settings: Settings, wire: Wire) -> None:
        self.settings = settings
        self._wire = wire

    async def _ask(
        self,
        request: Message,
        response: type[R],
        timeout_seconds: float | None,
        *,
        exact: bool = False,
        **assets: Asset,
    ) -> R:
        """Makes a unary call, once the fields that `assets` names hold resource names.

        `exact` asks for the version or write that an address names, else for its dataset.
        """
        attempts = Attempts(self.settings, timeout_seconds)
        names = await self._names(assets, attempts, exact)
        return await self._call(_filled(request, names), response, attempts)

    def _list(
        self,
        request: Message,
        response: type[P],
        items: Callable[[P], Iterable[T]],
        timeout_seconds: float | None,
        *,
        exact: bool = False,
        **assets: Asset,
    ) -> Listing[P, T]:
        names: dict[str, str] = {}

        async def fetch(token: str) -> P:
            attempts = Attempts(self.settings, timeout_seconds)
            if len(names) < len(assets):
                names.update(await self._names(assets, attempts, exact))
            return await self._call(_filled(request, names | {"page_token": token}), response, attempts)

        return Listing(fetch, items)

    async def _call(self, request: Message, response: type[R], attempts: Attempts) -> R:
        while True:
            try:
                return await self._wire.unary(request, response, attempts.seconds_left)
            except grpc.RpcError as failure:
                delay = _delay(failure, attempts)
            await self._wire.sleep(delay)

    async def _answers(self, request: Message, response: type[R], attempts: Attempts) -> AsyncGenerator[R, None]:
        """Makes a call with many answers, again only while none has come."""
        while True:
            has_begun = False
            try:
                async with aclosing(self._wire.server_stream(request, response, attempts.seconds_left)) as answers:
                    async for answer in answers:
                        has_begun = True
                        yield answer
                return
            except grpc.RpcError as failure:
                if has_begun:
                    raise from_rpc_error(failure) from failure
                delay = _delay(failure, attempts)
            await self._wire.sleep(delay)

    async def _names(self, assets: Mapping[str, Asset], attempts: Attempts, exact: bool) -> dict[str, str]:
        found = {field: await self._find(asset, attempts) for field, asset in assets.items()}
        return {field: (exact and each.version) or each.name for field, each in found.items()}

    async def _find(self, asset: Asset, attempts: Attempts) -> api.ResolveAddressResponse:
        try:
            name = asset if isinstance(asset, ResourceName) else parse_name(asset)
        except InvalidName:
            request = api.ResolveAddressRequest(address=str(asset))
            return await self._call(request, api.ResolveAddressResponse, attempts)
        return api.ResolveAddressResponse(name=str(name))


def _delay(failure: grpc.RpcError, attempts: Attempts) -> float:
    error = from_rpc_error(failure)
    delay = attempts.delay_after(error)
    if delay is None:
        raise attempts.cause(error) from failure
    return delay


def _filled(request: M, fields: Mapping[str, str]) -> M:
    filled = type(request)()
    filled.CopyFrom(request)
    for field, value in fields.items():
        setattr(filled, field, value)
    return filled
