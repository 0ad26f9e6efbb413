"""Problems as SARIF 2.1.0, for GitHub's code scanning and whatever else reads it.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; section numbers are of that.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from repaintd import __version__
from repaintd.cli.reports.rules import RULES, rule_of
from repaintd.config.problem import visible
from repaintd.core.fingerprint import digest

if TYPE_CHECKING:
    from repaintd.cli.reports.report import CheckReport
    from repaintd.config import Problem

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
ROOT: Final = "%SRCROOT%"
FINGERPRINT: Final = "repaintd/v1"
_INDEX: Final = re.compile(r"\[\d+\]")
_PLACE: Final = re.compile(r":\d+(:\d+)?\b")


def sarif(report: CheckReport) -> str:
    """One log with one run; every problem is a result."""
    seen: Counter[str] = Counter()
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"uri": f"{report.root.directory.as_uri()}/"}},
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(report, problem, seen) for problem in report.checked.problems],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def _driver() -> dict[str, Any]:
    return {
        "name": "repaintd",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [
            {
                "id": rule.id,
                "name": rule.name.title(),
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.help},
                "help": {"text": rule.help},
                "defaultConfiguration": {"level": "error"},
            }
            for rule in RULES
        ],
    }


def _result(report: CheckReport, problem: Problem, seen: Counter[str]) -> dict[str, Any]:
    rule = rule_of(problem)
    mark = _fingerprint(rule.id, problem)
    seen[mark] += 1
    where = f"{problem.path}: " if problem.path else ""
    location: dict[str, Any] = {"physicalLocation": _physical(report, problem)}
    if problem.path:
        location["logicalLocations"] = [{"fullyQualifiedName": visible(problem.path)}]
    return {
        "ruleId": rule.id,
        "ruleIndex": RULES.index(rule),
        "level": problem.severity,
        "message": {"text": visible(f"{where}{problem.message}")},
        "locations": [location],
        "partialFingerprints": {FINGERPRINT: f"{mark}:{seen[mark]}"},
    }


def _physical(report: CheckReport, problem: Problem) -> dict[str, Any]:
    path = report.path_of(problem.file)
    relative = report.root.relative(path)
    artifact = (
        {"uri": path.absolute().as_uri()}
        if relative is None
        else {"uri": quote(relative.as_posix()), "uriBaseId": ROOT}
    )
    region = {"startLine": problem.line, "startColumn": problem.column}
    return {"artifactLocation": artifact, "region": region}


def _fingerprint(rule: str, problem: Problem) -> str:
    """The same when lines or bindings above come and go (section 3.27.17)."""
    path = _INDEX.sub("[]", problem.path)
    return digest(rule, problem.file, path, _PLACE.sub("", _INDEX.sub("[]", problem.message)))
