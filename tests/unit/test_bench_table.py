"""The bench's verdicts: a miss must never be printed as ok."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

TABLE = Path(__file__).parent.parent / "bench" / "table.py"


@pytest.fixture(scope="module")
def table() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("bench_table", TABLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def row(table: ModuleType, budget: dict[str, Any] | None, **figures: Any) -> Any:
    made = None if budget is None else table.Budget(**budget)
    return table.Row(**{"name": "work", "unit": "/s", "budget": made, **figures})


@pytest.mark.parametrize(
    ("budget", "ours", "baseline", "ok"),
    [
        ({"of": "ratio", "at_least": 2.5}, 25.0, 10.0, True),
        ({"of": "ratio", "at_least": 2.5}, 24.9, 10.0, False),
        ({"of": "ratio", "at_most": 0.8}, 8.0, 10.0, True),
        ({"of": "ratio", "at_most": 0.8}, 8.1, 10.0, False),
        ({"of": "ours", "at_most": 300}, 300.0, None, True),
        ({"of": "ours", "at_most": 300}, 300.1, None, False),
        ({"of": "ours", "at_most": 0}, 0, None, True),
        ({"of": "excess", "at_most": 15}, 55.0, 40.0, True),
        ({"of": "excess", "at_most": 15}, 55.1, 40.0, False),
        (None, 1.0, 2.0, None),
    ],
)
def test_a_budget_is_met_up_to_its_bound_and_no_further(
    table: ModuleType,
    budget: dict[str, Any] | None,
    ours: float,
    baseline: float | None,
    ok: bool | None,
) -> None:
    assert row(table, budget, ours=ours, baseline=baseline).ok is ok


@pytest.mark.parametrize("of", ["ratio", "excess"])
@pytest.mark.parametrize("baseline", [None, 0.0])
def test_a_comparison_without_a_baseline_is_a_miss(
    table: ModuleType, of: str, baseline: float | None
) -> None:
    budget = {"of": of, "at_most": -1.0}

    assert row(table, budget, ours=1.0, baseline=baseline).ok is False


def test_the_table_shows_ratio_budget_and_verdict_of_each_row(table: ModuleType) -> None:
    kept = row(table, {"of": "ratio", "at_least": 0.5}, ours=6_000.0, baseline=9_000.0)
    missed = row(table, {"of": "excess", "at_most": 15}, ours=60.0, baseline=40.5, unit="ms")
    told = row(table, None, ours=1.5, unit="s", note="for information")

    lines = table.layout([kept, missed, told]).splitlines()

    assert lines[2].split() == ["work", "6,000/s", "9,000/s", "0.67", "≥", "0.5", "ok"]
    assert lines[3].split()[-6:] == ["≤", "baseline", "+", "15", "ms", "MISS"]
    assert lines[4].split() == ["work", "1.50", "s"]
    assert lines[-1] == "  work: for information"


def test_a_row_survives_its_way_through_json(table: ModuleType) -> None:
    before = row(table, {"of": "ratio", "at_least": 0.5}, ours=6.0, baseline=9.0, note="n")

    assert table.row_of(json.loads(json.dumps(before.document()))) == before
