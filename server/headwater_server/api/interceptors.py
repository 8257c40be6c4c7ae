"""What every gRPC call goes through: it is let in or refused, counted and timed, and its errors are told in one way.

Messages are parsed here rather than by gRPC, so that one that cannot be parsed is an error like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache, partial
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message

from ..domain.errors import HeadwaterError, InvalidField, ShuttingDown, TooLarge, UnknownMethod
from ..usecases.access import Access, authorize
from ..usecases.failures import report_failure
from .admission import Admission
from .call import GrpcCall
from .credentials import credentials_of
from .errors import CODES, to_status
from .metrics import CallMetrics
from .timeouts import fitting_timeouts

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

OURS = "headwater.v1."
OPEN = ("grpc.health.", "grpc.reflection.")
"""The services that answer anybody: probes have no credentials, and the contract is no secret."""
INGESTION = frozenset(f"{OURS}IngestService/{name}" for name in ("WriteEvent", "BatchWriteEvents", "StreamEvents"))
"""The methods that ingestion itself bounds; every other one of ours is a question."""
UNKNOWN = "unknown"
"""What calls of methods that there are not are counted as: a client can think of endless names."""


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every method of every service; `access` knows callers.

    `gate` raises what a call of ours is refused with while the server is not ready or is stopping. Every answer tells
    `version` and the time here in its trailing metadata, as `headwater-version` and `date`.
    """

    def __init__(
        self,
        *,
        access: Access,
        gate: Callable[[], None],
        admission: Admission,
        metrics: CallMetrics,
        max_request_bytes: int,
        version: str,
    ) -> None:
        self._access = access
        self._gate = gate
        self._version = version
        self._admission = admission
        self._metrics = metrics
        self._max_request_bytes = max_request_bytes
        self._wrapped: dict[str, Handler] = {}
        self._strangers: set[asyncio.Task[Any]] = set()
        self._is_ending = False

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The handler of a method, wrapped; where there is no such method, one that says so."""
        path = handler_call_details.method
        if path not in self._wrapped:
            handler = await continuation(handler_call_details)
            if handler is None:
                return self._refusing(path.removeprefix("/"))
            self._wrapped[path] = self._wrap(path.removeprefix("/"), handler)
        return self._wrapped[path]

    def end_watches(self) -> None:
        """Ends the calls that would never end by themselves: those that watch the server's health or reflect on it."""
        self._is_ending = True
        for task in self._strangers:
            task.cancel()

    def _wrap(self, method: str, handler: Handler) -> Handler:
        behaviours = (handler.unary_unary, handler.unary_stream, handler.stream_unary, handler.stream_stream)
        behaviour: Any = next(filter(None, behaviours))
        respond = partial(_write_all if handler.response_streaming else _give, behaviour)
        parse = self._parser(handler)

        async def answer(data: Any, context: Context) -> Any:
            async with self._watched(method, context):
                call = await self._let_in(method, context)
                with self._admitted(method):
                    if handler.request_streaming:
                        return await respond(_each(data, parse), context, call)
                    request = parse(data)
                    with fitting_timeouts(request):
                        return await respond(request, context, call)

        make = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[handler.request_streaming, handler.response_streaming]
        wrapped: Any = answer
        return make(wrapped, None, _serialize)

    def _refusing(self, method: str) -> Handler:
        async def refuse(_: object, context: Context) -> None:
            async with self._watched(UNKNOWN, context):
                await self._access.identify(credentials_of(context))
                raise UnknownMethod(method)

        wrapped: Any = refuse
        return grpc.stream_stream_rpc_method_handler(wrapped)  # on the wire any kind of call is one of these

    def _parser(self, handler: Handler) -> Callable[[bytes], Message]:
        deserialize: Any = handler.request_deserializer

        def parse(data: bytes) -> Message:
            if len(data) > self._max_request_bytes:
                raise TooLarge("request", len(data), self._max_request_bytes, "bytes")
            try:
                message: Message = deserialize(data)
            except DecodeError:
                raise InvalidField("request", "is no message of this method", "see its definition") from None
            return message

        return parse

    @contextlib.asynccontextmanager
    async def _watched(self, method: str, context: Context) -> AsyncIterator[None]:
        started, code = time.perf_counter(), grpc.StatusCode.OK.name
        self._metrics.begin(method)
        try:
            yield
            context.set_trailing_metadata(self._about())
        except grpc.aio.AbortError:
            code = context.code().name
            raise
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED.name
            if not self._is_ending or context.done():
                raise
            await self._tell(context, ShuttingDown())
        except HeadwaterError as error:
            code = CODES[error.reason].name
            await self._tell(context, error)
        except Exception as error:  # noqa: BLE001  nobody above would tell the client
            if context.done():
                code = grpc.StatusCode.CANCELLED.name
                return
            code = grpc.StatusCode.INTERNAL.name
            await self._tell(context, report_failure(error, method))
        finally:
            self._metrics.end(method, code, time.perf_counter() - started)

    async def _tell(self, context: Context, error: HeadwaterError) -> NoReturn:
        status = to_status(error)
        await context.abort(status.code, status.details, (*status.trailing_metadata, *self._about()))

    def _about(self) -> tuple[tuple[str, str], ...]:
        return ("headwater-version", self._version), ("date", _date(int(time.time())))

    async def _let_in(self, method: str, context: Context) -> GrpcCall | Context:
        """What the method is called with: one of ours, a call by a caller who may; others, gRPC's own context.

        Raises Unauthenticated, KeysUnavailable or PermissionDenied.
        """
        if method.startswith(OPEN):
            return context
        caller = await self._access.identify(credentials_of(context))
        authorize(caller, method.removeprefix(OURS))
        return GrpcCall(context, caller)

    @contextlib.contextmanager
    def _admitted(self, method: str) -> Any:
        if method in INGESTION:
            self._gate()
            yield
        elif method.startswith(OURS):
            self._gate()
            with self._admission.question():
                yield
        else:
            task = asyncio.current_task()
            assert task is not None
            self._strangers.add(task)
            try:
                yield
            finally:
                self._strangers.discard(task)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """A time as HTTP writes it; many calls end in one second."""
    return formatdate(second, usegmt=True)


def _serialize(answer: Any) -> bytes:
    """An answer's bytes: of a message, or of what was written as one."""
    data: bytes = answer.SerializeToString()
    return data


async def _each(data: AsyncIterator[bytes], parse: Callable[[bytes], Message]) -> AsyncIterator[Message]:
    async for item in data:
        yield parse(item)


async def _give(behaviour: Any, request: Any, _: Context, call: GrpcCall | Context) -> Any:
    return await behaviour(request, call)


async def _write_all(behaviour: Any, request: Any, context: Context, call: GrpcCall | Context) -> None:
    """Streams what a behaviour of either style answers; a generator is closed here, in the task that ran it."""
    if inspect.iscoroutinefunction(behaviour):
        await behaviour(request, call)
        return
    async with contextlib.aclosing(behaviour(request, call)) as responses:
        async for response in responses:
            await context.write(response)
