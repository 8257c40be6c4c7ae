"""Adding to a run from inside of it."""

import json

import grpc
import pytest

from headwater.v1 import event_pb2 as pb

from .conftest import NOWHERE, PROGRAM, Headwater, start
from .fake_server import FakeServer

RUN_ID = "01936893-9a0b-7c11-a7f5-0d2a4c1f5e77"


@pytest.fixture
def _inside_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_RUN_ID", RUN_ID)
    monkeypatch.setenv("HEADWATER_JOB", "k8s://c/ml/train")


@pytest.mark.usefixtures("_inside_a_run")
def test_it_adds_to_the_run_around_it(fake: FakeServer, headwater: Headwater) -> None:
    words = ["--reads", "s3://raw/orders", "--writes", "/data/out", "--facet", 'load={"rows": 1200}']
    assert headwater("emit", *words) == (0, "", "")
    (event,) = fake.run_events()
    assert event.event_type == pb.EVENT_TYPE_OTHER
    assert event.run.run_id == RUN_ID
    assert not event.run.HasField("parent")
    assert (event.job.namespace, event.job.name) == ("k8s://c/ml", "train")
    assert event.inputs[0].dataset == pb.EventDataset(namespace="s3://raw", name="orders")
    assert event.outputs[0].dataset == pb.EventDataset(namespace="file", name="/data/out")
    assert json.loads(event.run.facets["load"])["rows"] == 1200


def test_inside_a_wrapped_script_it_finds_its_run(fake: FakeServer) -> None:
    script = f"{PROGRAM[0]} -m headwater_cli.main emit --reads s3://raw/orders"
    with start("run", "--address", fake.address, "--", "sh", "-c", script) as process:
        assert process.wait(60) == 0
    assert len({event.run.run_id for event in fake.run_events()}) == 1
    assert sorted(len(event.inputs) for event in fake.run_events()) == [0, 0, 1]


@pytest.mark.usefixtures("_inside_a_run")
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--facet", "load"], id="a facet without JSON"),
        pytest.param(["--facet", "load=[1]"], id="a facet that is no object"),
        pytest.param(["--facet", "={}"], id="a facet without a name"),
        pytest.param(["--reads", "nonsense"], id="a dataset without a namespace"),
        pytest.param(["--metric", "auc=0.9"], id="a measure of nothing"),
        pytest.param(["--writes", "s3://a/b", "--metric", "auc"], id="a measure without a value"),
        pytest.param(["--writes", "s3://a/b", "--metric", "auc=high"], id="a measure that is no number"),
        pytest.param(["--writes", "s3://a/b", "--metric", "=1"], id="a measure without a name"),
        pytest.param(["--kind", "MODEL"], id="a kind of nothing"),
    ],
)
def test_a_script_goes_on_where_this_fails_unless_it_is_strict(words: list[str], headwater: Headwater) -> None:
    outcome = headwater("emit", "--timeout", "1", *words)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.startswith("headwater: this is not reported: ")
    assert headwater("emit", "--timeout", "1", "--strict", *words).code == 2


@pytest.mark.usefixtures("_inside_a_run")
def test_where_the_server_is_away_a_script_goes_on_unless_it_is_strict(headwater: Headwater) -> None:
    outcome = headwater("emit", "--timeout", "1", "--address", NOWHERE)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.startswith("headwater: this is not reported yet: ")
    assert len(outcome.err.splitlines()) == 1
    assert headwater("emit", "--timeout", "1", "--address", NOWHERE, "--strict").code == 5


@pytest.mark.usefixtures("_inside_a_run")
def test_it_tells_of_what_is_written(fake: FakeServer, headwater: Headwater) -> None:
    facts = ["--kind", "model", "--version", "7", "--metric", "auc=0.93", "--metric", "loss=1e-3"]
    assert headwater("emit", "--reads", "s3://raw/orders", "--writes", "s3://models/churn", *facts) == (0, "", "")
    (event,) = fake.run_events()
    (read,), (written,) = event.inputs, event.outputs
    assert (read.dataset.kind, read.dataset.version) == ("", "")
    assert (written.dataset.kind, written.dataset.version) == ("MODEL", "7")
    assert {metric.name: metric.value for metric in written.metrics} == {"auc": 0.93, "loss": 0.001}


@pytest.mark.usefixtures("_inside_a_run")
def test_where_nothing_is_written_it_tells_of_what_is_read(fake: FakeServer, headwater: Headwater) -> None:
    headwater("emit", "--reads", "s3://models/churn", "--version", "7")
    assert fake.run_events()[0].inputs[0].dataset.version == "7"


@pytest.mark.usefixtures("_inside_a_run")
def test_a_refused_event_is_told(fake: FakeServer, headwater: Headwater) -> None:
    fake.failure = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_EVENT", "run.facets is no object")
    outcome = headwater("emit", "--reads", "s3://a/b")
    assert (outcome.code, outcome.err) == (0, "headwater: this is not reported: run.facets is no object\n")
    assert headwater("emit", "--reads", "s3://a/b", "--strict").code == 1


def test_outside_of_a_run_it_says_how_to_make_one(headwater: Headwater) -> None:
    outcome = headwater("emit", "--reads", "s3://a/b")
    assert outcome.code == 0
    assert "`headwater run -- SCRIPT`" in outcome.err
