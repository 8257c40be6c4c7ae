"""Sending files of events."""

import gzip
import io
import json
import os
import pty
from pathlib import Path

import grpc
import pytest

from headwater.v1 import ingest_service_pb2 as ingest

from .conftest import Headwater, start
from .fake_server import FakeServer


def lines(count: int, word: str = "job") -> bytes:
    return b"".join(b'{"%s": %d}\n' % (word.encode(), number) for number in range(count))


def test_every_event_is_sent_as_it_is_written(fake: FakeServer, headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"time": 1.50}\n')
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(b'[{"b":  1}, {"c": 2}]'))
    outcome = headwater("send", str(tmp_path / "a.jsonl"), str(tmp_path / "b.json.gz"))
    assert outcome == (0, "3 events sent: 3 accepted, 0 duplicate, 0 rejected\n", "")
    assert [event.open_lineage for event in fake.events] == [b'{"time": 1.50}', b'{"b":  1}', b'{"c": 2}']


def test_events_go_in_batches_of_500(fake: FakeServer, headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / "many.jsonl").write_bytes(lines(1201))
    outcome = headwater("send", str(tmp_path / "many.jsonl"))
    assert outcome.out == "1,201 events sent: 1,201 accepted, 0 duplicate, 0 rejected\n"
    batches = [each for each in fake.requests if isinstance(each, ingest.BatchWriteEventsRequest)]
    assert [len(each.events) for each in batches] == [500, 500, 201]


def test_a_file_sent_twice_is_known(headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(2))
    headwater("send", str(tmp_path / "a.jsonl"))
    assert headwater("send", str(tmp_path / "a.jsonl")).out == "2 events sent: 0 accepted, 2 duplicate, 0 rejected\n"


def test_each_rejection_is_told_with_its_place_and_its_reason(headwater: Headwater, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"job": "ok"}\nbroken\n{"job":"refused"}\n')
    outcome = headwater("send", str(file))
    assert outcome.code == 1
    assert outcome.out == "3 events sent: 1 accepted, 0 duplicate, 2 rejected\n"
    assert outcome.err.splitlines() == [
        f"{file}: line 2: event is not JSON: send one event of OpenLineage (INVALID_EVENT)",
        f"{file}: line 3: job.name is refused: choose another (INVALID_EVENT)",
    ]


def test_a_file_that_is_no_json_does_not_keep_the_others_back(headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("[{")
    (tmp_path / "good.json").write_bytes(lines(1))
    outcome = headwater("send", str(tmp_path / "bad.json"), str(tmp_path / "good.json"), "-o", "json")
    answer = json.loads(outcome.out)
    assert (outcome.code, answer["accepted"], answer["position"]) == (1, 1, "7")
    assert answer["badFiles"][0]["file"] == str(tmp_path / "bad.json")
    assert f"{tmp_path / 'bad.json'} is not JSON" in outcome.err


def test_stdin_is_a_file_too(fake: FakeServer, headwater: Headwater, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(lines(3)))))  # type: ignore[arg-type]
    assert headwater("send", "-").code == 0
    assert len(fake.events) == 3


def test_no_event_is_no_error(headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert headwater("send", str(tmp_path / "empty")).out == "0 events sent: 0 accepted, 0 duplicate, 0 rejected\n"


def test_where_the_server_goes_away_it_says_how_far_it_came(
    fake: FakeServer, headwater: Headwater, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(3))
    fake.failure = (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", "the store is away")
    outcome = headwater("send", str(tmp_path / "a.jsonl"), "--timeout", "0.3")
    assert outcome.code == 5
    assert "0 events sent" in outcome.err
    assert "stores nothing twice" in outcome.err


def test_a_file_that_is_not_there_is_wrong_usage(headwater: Headwater) -> None:
    outcome = headwater("send", "/nowhere.json")
    assert outcome.code == 2
    assert "/nowhere.json" in outcome.err


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(fake: FakeServer, tmp_path: Path, is_terminal: bool) -> None:
    (tmp_path / "many.jsonl").write_bytes(lines(1000))
    reader, writer = pty.openpty() if is_terminal else os.pipe()
    with start("send", str(tmp_path / "many.jsonl"), "--address", fake.address, stderr=writer) as process:
        os.close(writer)
        assert process.wait(30) == 0
    told = _read(reader)
    os.close(reader)
    assert (b"sent" in told) == is_terminal


def _read(file: int) -> bytes:
    try:
        return os.read(file, 65536)
    except OSError:  # the other end is closed, and nothing was written
        return b""
