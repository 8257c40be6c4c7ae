"""What every gRPC call goes through: it is let in or refused, counted and timed, and its errors are told in one way.

Messages are parsed here rather than by gRPC, so that one that cannot be parsed is an error like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message

from ..domain.errors import HeadwaterError, InvalidField, ShuttingDown, TooLarge
from ..usecases.failures import report_failure
from .admission import Admission
from .errors import CODES, to_status
from .metrics import CallMetrics

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

OURS = "headwater.v1."
INGESTION = frozenset(f"{OURS}IngestService/{name}" for name in ("WriteEvent", "BatchWriteEvents", "StreamEvents"))
"""The methods that ingestion itself bounds; every other one of ours is a question."""


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every method of every service.

    `gate` raises what a call of ours is refused with while the server is not ready or is stopping.
    """

    def __init__(
        self, *, gate: Callable[[], None], admission: Admission, metrics: CallMetrics, max_request_bytes: int
    ) -> None:
        self._gate = gate
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
        """The handler of a method, wrapped; None where there is no such method."""
        path = handler_call_details.method
        if path not in self._wrapped:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
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
        parse = self._parser(handler)

        async def answer(data: Any, context: Context) -> Any:
            async with self._watched(method, context):
                request = _each(data, parse) if handler.request_streaming else parse(data)
                if handler.response_streaming:
                    return await _write_all(behaviour, request, context)
                return await behaviour(request, context)

        make = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[handler.request_streaming, handler.response_streaming]
        wrapped: Any = answer
        return make(wrapped, None, handler.response_serializer)

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
            with self._admitted(method):
                yield
        except grpc.aio.AbortError:
            code = context.code().name
            raise
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED.name
            if not self._is_ending or context.done():
                raise
            await context.abort_with_status(to_status(ShuttingDown()))
        except HeadwaterError as error:
            code = CODES[error.reason].name
            await context.abort_with_status(to_status(error))
        except Exception as error:  # noqa: BLE001  nobody above would tell the client
            if context.done():
                code = grpc.StatusCode.CANCELLED.name
                return
            code = grpc.StatusCode.INTERNAL.name
            await context.abort_with_status(to_status(report_failure(error, method)))
        finally:
            self._metrics.end(method, code, time.perf_counter() - started)

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


async def _each(data: AsyncIterator[bytes], parse: Callable[[bytes], Message]) -> AsyncIterator[Message]:
    async for item in data:
        yield parse(item)


async def _write_all(behaviour: Any, request: Any, context: Context) -> None:
    """Streams what a behaviour of either style answers; a generator is closed here, in the task that ran it."""
    if inspect.iscoroutinefunction(behaviour):
        await behaviour(request, context)
        return
    async with contextlib.aclosing(behaviour(request, context)) as responses:
        async for response in responses:
            await context.write(response)
