"""The rules for Prometheus: valid, tested, and about metrics that there are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from repaintd.metrics import METRICS

FOLDER = Path(__file__).parents[2] / "config" / "prometheus"
RULES, TESTS = FOLDER / "repaintd.rules.yaml", FOLDER / "repaintd.rules.test.yaml"
OF_PLUGINS = {"repaintd_mqtt_connected"}


@pytest.fixture
def promtool() -> str:
    """Set-up puts it beside the interpreter, for it takes it out of a package."""
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    return shutil.which("promtool", path=places) or pytest.skip("needs promtool")


def rules() -> list[dict[str, object]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("arguments", [("check", "rules", RULES), ("test", "rules", TESTS)])
def test_prometheus_takes_the_rules_and_they_do_what_their_tests_say(promtool, arguments):
    done = subprocess.run(  # noqa: S603 — a program of ours
        [promtool, *map(str, arguments)],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_both_ways():
    text = TESTS.read_text("utf-8")
    for rule in rules():
        if "alert" in rule:
            name = rule["alert"]
            assert re.search(rf'alertname="{name}", alertstate="firing", ', text), name
            silent = rf'alertname="{name}", alertstate="firing"}}\n +eval_time: \w+\n +- '
            assert name == "RepaintdFreshnessBudgetBurns" or re.search(silent, text), name


def test_the_rules_ask_for_metrics_that_there_are():
    known = {spec.name for spec in METRICS} | OF_PLUGINS
    asked = set()
    for rule in rules():
        asked |= set(re.findall(r"\brepaintd_[a-z0-9_]+", str(rule["expr"])))
    assert {name.removesuffix("_bucket") for name in asked} <= known


def test_every_alert_says_how_bad_it_is_and_what_to_do():
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"warning", "critical"}
            assert rule["annotations"].keys() == {"summary", "description"}
