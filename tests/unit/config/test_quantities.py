from __future__ import annotations

from typing import Any

import pytest

from repaintd.plugin.quantities import parse_duration, parse_size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (300, 300.0),
        (0.5, 0.5),
        ("300", 300.0),
        ("30s", 30.0),
        ("1.5s", 1.5),
        ("250ms", 0.25),
        ("5m", 300.0),
        ("1h30m", 5_400.0),
        ("1d", 86_400.0),
        ("PT5M", 300.0),
        ("PT1.5S", 1.5),
        ("P1DT1H", 90_000.0),
    ],
    ids=repr,
)
def test_durations(written: Any, seconds: float):
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    ["", "m5", "5 m", "1m1h", "P", "PT", "-5s", "\u0663s", "1e3", "9" * 41, True, None, [5]],
)
def test_no_durations(written: Any):
    with pytest.raises(ValueError, match=r"^must be a duration: seconds, or a text such as 30s"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (500, 500),
        ("500", 500),
        ("500B", 500),
        ("500kB", 500_000),
        ("500 kB", 500_000),
        ("1.5MB", 1_500_000),
        ("5MiB", 5 * 1024**2),
        ("1KiB", 1024),
        ("2GiB", 2 * 1024**3),
        ("1gb", 10**9),
    ],
    ids=repr,
)
def test_sizes(written: Any, size: int):
    assert parse_size(written) == size


@pytest.mark.parametrize(
    "written", ["", "MiB", "5QB", "-5", "5  kB", "9" * 41, True, None, 1.5], ids=repr
)
def test_no_sizes(written: Any):
    with pytest.raises(ValueError, match=r"^must be a size: bytes, or a text such as 500kB"):
        parse_size(written)
