"""The questions of the contract, asked and answered in JSON: the same servicers, for those who do not speak gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from ..domain.callers import Caller
from ..domain.errors import InvalidField, UnknownMethod
from ..usecases.access import authorize
from .admission import Admission
from .call import LocalCall
from .memory_answer import Written
from .timeouts import fitting_timeouts

QUESTIONS = ("Compare", "Get", "List", "Resolve", "Search", "Traverse")
"""How the names of methods begin that change nothing."""
LARGE_BYTES = 1 << 16
"""From which size on an answer is written in a thread: a large one takes seconds, and others would wait."""


class JsonView:
    """Asks servicers by the names of the contract. `gate` raises what every question is refused with."""

    def __init__(
        self,
        services: Mapping[ServiceDescriptor, object],
        *,
        gate: Callable[[], None],
        admission: Admission,
        timeout_seconds: float,
    ) -> None:
        self._methods: dict[tuple[str, str], tuple[MethodDescriptor, Any]] = {
            (service.name, method.name): (method, getattr(servicer, method.name))
            for service, servicer in services.items()
            for method in service.methods
            if method.name.startswith(QUESTIONS)
        }
        self._gate = gate
        self._admission = admission
        self._timeout_seconds = timeout_seconds

    async def ask(
        self, service: str, method: str, request: Mapping[str, object], *, caller: Caller, address: str
    ) -> bytes:
        """The JSON text of the answer; of a stream, an array of its messages.

        The request is protobuf's JSON as Python values, and `address` that of the caller. Raises UnknownMethod where
        there is no such question, PermissionDenied, InvalidField, and what the servicer raises.
        """
        if (service, method) not in self._methods:
            raise UnknownMethod(f"{service}/{method}")
        authorize(caller, f"{service}/{method}")
        definition, behaviour = self._methods[service, method]
        message = _parse(request, GetMessageClass(definition.input_type)())
        call = LocalCall(self._timeout_seconds, address, caller)
        self._gate()
        with self._admission.question(), fitting_timeouts(message):
            if definition.server_streaming:
                return await _written([_parsed(part) async for part in behaviour(message, call)])
            return await _written(_parsed(await behaviour(message, call)))


def _parse(request: Mapping[str, object], message: Message) -> Message:
    try:
        return json_format.ParseDict(dict(request), message)
    except (json_format.ParseError, RecursionError) as error:
        raise InvalidField("request", f"is no {message.DESCRIPTOR.name} ({error})", "see its definition") from None


def _parsed(answer: Message | Written) -> Message:
    return answer.parse() if isinstance(answer, Written) else answer


async def _written(answer: Message | list[Message]) -> bytes:
    size = answer.ByteSize() if isinstance(answer, Message) else sum(part.ByteSize() for part in answer)
    if size > LARGE_BYTES:
        return await asyncio.to_thread(_write, answer)
    return _write(answer)


def _write(answer: Message | list[Message]) -> bytes:
    if isinstance(answer, list):
        return b"[" + b",".join(map(_write, answer)) + b"]"
    return json_format.MessageToJson(answer, indent=None, ensure_ascii=False).encode()
