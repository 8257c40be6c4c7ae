"""The alerts: Prometheus understands them, they call when they should and not otherwise, and each has its runbook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from .charts import CHART, NAMESPACE, SMALLEST, only, rendered
from .promtool import judged

CASES = Path(__file__).parent / "alert_cases.yaml"
ENABLED = ("--set", "metrics.rules.enabled=true")


def groups(program: str, *options: str) -> dict[str, Any]:
    """The rules as Prometheus is told them."""
    spec: dict[str, Any] = only(rendered(program, *ENABLED, *options), "PrometheusRule", "headwater-alerts")["spec"]
    return spec


def alerts(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every alert by its name."""
    return {rule["alert"]: rule for group in spec["groups"] for rule in group["rules"]}


def test_prometheus_understands_them(program: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(groups(program)))
    outcome = judged("check", "rules", "--lint-fatal", file)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_they_call_when_they_should_and_not_otherwise(program: str, tmp_path: Path) -> None:
    rules, cases = tmp_path / "rules.yaml", tmp_path / "cases.yaml"
    rules.write_text(yaml.safe_dump(groups(program)))
    cases.write_text(yaml.safe_dump({"rule_files": [rules.name], **yaml.safe_load(CASES.read_text())}))
    outcome = judged("test", "rules", cases)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_every_alert_is_played(program: str) -> None:
    played = set(re.findall(r"Headwater\w+", CASES.read_text()))
    assert played == set(alerts(groups(program)))


def test_every_alert_has_its_runbook_and_no_runbook_is_without_its_alert(program: str) -> None:
    sections = re.findall(r"^## (.+)$", (CHART / "RUNBOOKS.md").read_text(), re.MULTILINE)
    found = alerts(groups(program, "--set", "metrics.rules.runbooks=https://docs.example.com/RUNBOOKS.md"))
    assert sections == list(found)
    for name, rule in found.items():
        assert rule["annotations"]["runbook_url"] == f"https://docs.example.com/RUNBOOKS.md#{name.lower()}"
        assert rule["annotations"].keys() >= {"summary", "description"}
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_every_runbook_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    for section in (CHART / "RUNBOOKS.md").read_text().split("\n## ")[1:]:
        places = [section.find(f"**{word}.**") for word in ("Meaning", "Look at", "Do")]
        assert -1 < places[0] < places[1] < places[2], section.partition("\n")[0]


def test_they_are_of_the_release_s_namespace(program: str) -> None:
    for name, rule in alerts(groups(program)).items():
        assert "NAMESPACE" not in str(rule), name
        assert f'namespace="{NAMESPACE}"' in rule["expr"] or name.startswith("HeadwaterEmitters"), name


def test_an_alert_can_be_left_out_and_labelled(program: str) -> None:
    options = (
        "--set",
        "metrics.rules.disabled={HeadwaterQuestionsSlow}",
        "--set",
        "metrics.rules.alertLabels.team=data",
    )
    found = alerts(groups(program, *options))
    assert found.keys() == alerts(groups(program)).keys() - {"HeadwaterQuestionsSlow"}
    assert all(rule["labels"]["team"] == "data" for rule in found.values())


def test_nothing_of_it_is_there_unless_it_is_asked_for(program: str) -> None:
    kinds = {each["kind"] for each in rendered(program, values=SMALLEST)}
    assert not kinds & {"PrometheusRule", "ServiceMonitor", "PodMonitor"}
