"""The way in behind both doors."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from headwater.errors import Unavailable
from headwater.spool import Item
from headwater.v1.event_pb2 import Event
from headwater_emitter.intake import MESSAGES, Intake, as_event
from headwater_emitter.pod import Pod
from headwater_emitter.pod_event import PodEvents
from headwater_emitter.refusals import no_spool

from .events import an_event


class ListKeeper:
    """Keeps items in a list, or says that it cannot."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.is_broken = False

    async def put(self, items: Sequence[Item]) -> None:
        if self.is_broken:
            raise no_spool("it is broken")
        self.items += items


EVENT = Event(open_lineage=json.dumps(an_event("a")).encode())


@pytest.fixture
def keeper() -> ListKeeper:
    return ListKeeper()


@pytest.fixture
def intake(keeper: ListKeeper) -> Intake:
    return Intake(keeper, PodEvents(Pod(node="node-17")), max_event_bytes=10_000, droppable=False)


async def test_nothing_is_taken_once_it_stops(intake: Intake, keeper: ListKeeper) -> None:
    intake.stop()
    with pytest.raises(Unavailable, match="stopping") as error:
        await intake.take([EVENT], "grpc", MESSAGES)
    assert (error.value.reason, error.value.retry_after) == ("SHUTTING_DOWN", 1.0)
    assert keeper.items == []


async def test_what_the_pod_knows_is_told_later_where_it_could_not_be_kept(intake: Intake, keeper: ListKeeper) -> None:
    keeper.is_broken = True
    with pytest.raises(Unavailable):
        await intake.take([EVENT], "grpc", MESSAGES)
    keeper.is_broken = False
    assert await intake.take([EVENT], "grpc", MESSAGES) == [None]
    assert len(keeper.items) == 2
    assert keeper.items[0].event == EVENT.SerializeToString(), "the client's own bytes go first, untouched"
    assert intake.received["grpc"] == 1


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 3_000_000])
def test_a_text_is_kept_as_the_contract_writes_it(size: int) -> None:
    text = b"x" * size
    assert as_event(text) == Event(open_lineage=text).SerializeToString()
