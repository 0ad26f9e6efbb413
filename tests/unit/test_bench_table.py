"""The bench's verdicts: a miss must never be printed as ok, nor a moved timer overlooked."""

from __future__ import annotations

import importlib.util
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from repaintd.core.schedule import next_on_grid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

BENCH = Path(__file__).parent.parent / "bench"


@contextmanager
def module_of_bench(name: str) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def table() -> Iterator[ModuleType]:
    with module_of_bench("table") as module:
        yield module


@pytest.fixture(scope="module")
def timers() -> Iterator[ModuleType]:
    with module_of_bench("timers") as module:
        yield module


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


TTL = 60.0
OFFSET = 1_000.0
DUE = next_on_grid("card", TTL, 5_000.0)
"""When the card is due for the first time after 5,000 s."""


def timer(timers: ModuleType, **otherwise: Any) -> Any:
    due = otherwise.get("due", DUE)
    planned = {"set": due and due - OFFSET, "due": due, "attempted": DUE - TTL, "running": False}
    return timers.Timer(**{**planned, "offset": OFFSET, **otherwise})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({}, {"due": DUE + TTL, "attempted": DUE + 0.08}),
        ({}, {"running": True, "set": None}),
        ({"running": True, "set": None}, {"due": DUE + TTL, "attempted": DUE + 0.08}),
        ({"due": DUE + 9.0}, {"due": DUE + TTL, "attempted": DUE + 9.0}),  # put off by the start
    ],
)
def test_a_timer_that_goes_on_as_planned_has_not_moved(
    timers: ModuleType, before: dict[str, Any], after: dict[str, Any]
) -> None:
    one, other = {"card": timer(timers, **before)}, {"card": timer(timers, **after)}

    assert timers.moved(one, other, TTL) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"due": DUE + 0.000_5}),
        ({}, {"due": DUE + TTL}),
        ({}, {"set": DUE - OFFSET + 0.01}),
        ({}, {"set": None}),
        ({}, {"due": None, "set": None}),
        ({}, {"due": DUE + TTL, "attempted": DUE - 0.01}),  # ran before it was due
        ({}, {"due": DUE + TTL + 0.01, "attempted": DUE}),
        ({}, {"due": DUE + 3 * TTL, "attempted": DUE}),
        ({}, {"due": DUE + TTL, "attempted": DUE, "set": DUE + TTL - OFFSET + 1.0}),
        ({}, {"running": True, "set": None, "due": DUE + 0.000_5}),
        ({"running": True, "set": None}, {"due": DUE + TTL + 0.01, "attempted": DUE}),
    ],
)
def test_a_timer_that_is_not_where_it_would_have_been_has_moved(
    timers: ModuleType, before: dict[str, Any], after: dict[str, Any]
) -> None:
    one, other = {"card": timer(timers, **before)}, {"card": timer(timers, **after)}

    assert timers.moved(one, other, TTL) == ["card"]


def test_a_timer_that_is_gone_has_moved(timers: ModuleType) -> None:
    assert timers.moved({"card": timer(timers)}, {}, TTL) == ["card"]
