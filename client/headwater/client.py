"""The client for asyncio programs: every rpc of the contract as a typed method that takes Python's own values."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from types import TracebackType
from typing import Self, Unpack

from .catalog import Catalog
from .ingest import Ingest
from .lineage import Lineage
from .pipelines import Pipelines
from .run import Run, RunOptions
from .settings import Settings
from .stream import Acknowledgement, Events, EventStream
from .wire import AsyncWire


class Calls(Catalog, Lineage, Ingest, Pipelines):
    """Has the calls of all services, over any wire."""


class Client(Calls):
    """Talks to a Headwater server. Belongs to the event loop in which it makes its first call.

    Where no settings are given, the environment's hold; see `Settings`. Raises InvalidSettings.

        async with Client() as client:
            answer = await client.get_lineage("s3://models/churn", direction="UPSTREAM")
    """

    def __init__(self, address: str = "", *, settings: Settings | None = None) -> None:
        settings = settings_for(address, settings)
        self._async_wire = AsyncWire(settings)
        super().__init__(settings, self._async_wire)

    def stream(
        self, events: Events, *, window: int = 1000, timeout_seconds: float | None = None
    ) -> AsyncGenerator[Acknowledgement, None]:
        """Sends events as they come and gives an acknowledgement of each once it is committed or rejected.

        At most `window` events are on their way at once; what breaks off is sent again. `timeout_seconds` is the
        longest that the server may owe an answer or be away.

            async for acknowledgement in client.stream(events):
                forget(acknowledgement.id)
        """
        return EventStream(self.settings, self._async_wire, window, timeout_seconds).acknowledge(events)

    def run(self, job: str | tuple[str, str], **options: Unpack[RunOptions]) -> Run:
        """Reports a run of a job by what happens in an `async with` block; see `Run`. Raises InvalidName.

        The job is `namespace/name`, a tuple of both, or a name in the namespace OPENLINEAGE_NAMESPACE ("default").
        """
        return Run(self, job, **options)

    async def close(self) -> None:
        """Closes the connection; calls in progress are cancelled."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def settings_for(address: str, settings: Settings | None) -> Settings:
    """Gives the settings, the environment's where there are none, with the address where there is one."""
    settings = settings or Settings.from_environment()
    return replace(settings, address=address) if address else settings
