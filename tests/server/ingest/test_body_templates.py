"""Bodies of events that are alike are kept in little room, and come back byte for byte whatever they hold."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater_server.domain.body_templates import read_holes, write_holes
from headwater_server.domain.event import Event
from headwater_server.domain.event_parser import EventParser
from headwater_server.storage import kept_bodies
from headwater_server.storage.kept_bodies import KeptBody, read_bodies
from headwater_server.usecases.ingest import Outcome

from .conftest import Writing

START = datetime(2026, 3, 2, 10, 30, 0, 123456, tzinfo=UTC)
SCHEMA = {"fields": [{"name": f"column_{n}", "type": "string"} for n in range(40)]}


def event_of(number: int, facets: dict[str, Any] | None = None, *, time: str = "", run: str = "") -> bytes:
    """The COMPLETE of a run of the one job, with facets of its own."""
    body = {
        "eventTime": time or (START + timedelta(seconds=number)).isoformat(),
        "eventType": "COMPLETE",
        "run": {"runId": run or str(uuid.uuid5(uuid.NAMESPACE_DNS, str(number))), "facets": facets or {}},
        "job": {"namespace": "team", "name": "load"},
        "outputs": [{"namespace": "db", "name": "users", "facets": {"schema": SCHEMA}}],
    }
    return json.dumps(body, ensure_ascii=False).encode()


def parent(number: int) -> dict[str, Any]:
    """The facet of a parent run."""
    run = {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, str(number)))}
    return {"parent": {"run": run, "job": {"namespace": "team", "name": "nightly"}}}


def parse(bodies: list[bytes]) -> list[Event]:
    """Events of these texts."""
    parser = EventParser(max_event_bytes=1 << 20)
    return [parser.parse(body, START) for body in bodies]


def kept_sizes(bodies: list[bytes]) -> list[int | None]:
    """How many bytes are kept of the holes of each event; None where it is kept whole. What is kept tells the body."""
    sizes: list[int | None] = []
    for event in parse(bodies):
        if event.fitted is None:
            sizes.append(None)
            continue
        template = event.fitted.template
        holes = write_holes(event.fitted.holes, event.subject, event.event_time)
        assert template.filled(list(read_holes(holes, event.subject, event.event_time))) == event.body
        sizes.append(len(holes))
    return sizes


def test_of_an_event_like_those_before_only_what_differs_is_kept() -> None:
    events = [event_of(n, parent(n) | {"rows": {"count": 1_000 + n}}) for n in range(6)]
    first, *others = kept_sizes(events)
    assert first is None
    # Its own run and time take a byte each, a parent 17, a number its digits.
    assert others == [2 + 17 + 5] * 5


@pytest.mark.parametrize("form", ["{}+00:00", "{}Z", "{}", "{}+02:00", "{}000Z"])
def test_times_in_every_form_come_back(form: str) -> None:
    times = [form.format(f"2026-03-02T10:{n:02}:00.12{n % 2}") for n in range(9)]
    assert None not in kept_sizes([event_of(n, time=time) for n, time in enumerate(times)])[1:]


def test_ids_that_are_no_uuids_or_written_otherwise_come_back() -> None:
    ids = [str(uuid.uuid4()), str(uuid.uuid4()).upper(), "run 7", "0" * 300, "0190e1c2-0000-4000-8000-00000000000g"]
    assert None not in kept_sizes([event_of(n, run=run) for n, run in enumerate(ids)])[1:]


def test_what_was_alike_and_differs_later_becomes_a_hole() -> None:
    sizes = kept_sizes([event_of(n, {"nightly": {"of": "monday" if n < 4 else "tuesday"}}) for n in range(6)])
    assert sizes == [None, 2, 2, 2, 2 + 10, 2 + 10]


def test_events_that_are_never_alike_are_kept_whole_and_looked_at_no_more() -> None:
    events = [event_of(n, {"files": list(range(n))}) for n in range(40)]
    assert kept_sizes(events) == [None] * 40
    *_, last = parse([*events, event_of(99, {"files": []})])
    assert last.fitted is None


def test_an_odd_one_among_many_does_no_harm() -> None:
    facets = [parent(n) if n != 10 else parent(n) | {"errorMessage": {"message": "lost"}} for n in range(20)]
    sizes = kept_sizes([event_of(n, each) for n, each in enumerate(facets)])
    assert [place for place, size in enumerate(sizes) if size is None] == [0, 10]


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
VALUE = st.one_of(TEXT, st.integers(), st.booleans(), st.floats(allow_nan=False), st.lists(st.integers(), max_size=3))


@given(st.lists(st.tuples(st.integers(0, 5), st.fixed_dictionaries({"a": VALUE, "b": VALUE})), max_size=12))
def test_any_facets_come_back(said: list[tuple[int, dict[str, Any]]]) -> None:
    kept_sizes([event_of(number, {"any": facet}) for number, facet in said])


async def test_the_store_gives_bodies_back_byte_for_byte_to_whoever_asks(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [event_of(n, parent(n) | {"log": {"text": "so long " * n * n}}) for n in range(9)]
    bodies.append(event_of(9, parent(9) | {"log": {"text": ""}}, time="9999-12-31T23:59:59.999999+00:00"))
    for body in bodies:
        (result,) = (await writing.write(body)).results
        assert result.status is Outcome.ACCEPTED
    rows = await writing.rows("SELECT subject, event_time, body FROM events ORDER BY event_time")
    assert len(await writing.rows("SELECT FROM body_templates")) == 1
    forms = [bytes(row[2])[0] for row in rows]  # type: ignore[call-overload]
    assert set(forms[1:]) == {kept_bodies.HOLES, kept_bodies.FRAME_OF_HOLES}
    monkeypatch.setattr(kept_bodies, "_templates_read", type(kept_bodies._templates_read)(1))
    async with writing.database.reading(30) as connection:
        assert await read_bodies(connection, [KeptBody(*row) for row in rows]) == bodies  # type: ignore[arg-type]
