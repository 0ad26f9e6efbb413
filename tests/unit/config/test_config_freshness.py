from __future__ import annotations

import pytest
from pydantic import ValidationError

from repaintd.config.freshness_model import FreshnessModel, parse_slo
from repaintd.core.binding import Freshness, Slo

HOUR = Freshness(max_stale=3600.0, slo=Slo(ratio=0.99, age=300.0))


def freshness(**document):
    return FreshnessModel.model_validate(document, by_alias=True, by_name=False)


@pytest.mark.parametrize(
    ("text", "slo"),
    [
        ("99% < 5m", Slo(ratio=0.99, age=300.0)),
        ("99.9%<90", Slo(ratio=0.999, age=90.0)),
        ("50 % < 1h30m", Slo(ratio=0.5, age=5400.0)),
        ("99.95% < PT5M", Slo(ratio=0.9995, age=300.0)),
    ],
)
def test_an_objective_is_a_share_and_an_age(text, slo):
    found = parse_slo(text)
    assert (found.ratio, found.age) == (pytest.approx(slo.ratio), slo.age)
    assert parse_slo(str(found)) == found


@pytest.mark.parametrize(
    "text",
    ["", "99%", "99 < 5m", "100% < 5m", "0% < 5m", "-1% < 5m", "99% > 5m", "99% < 0s", "99% < 500d",
     "99%  <  5m", "99% < 5m\n", "٩٩% < 5m", "99% < 5m, 90% < 1m", "1e1% < 5m"],
)  # fmt: skip
def test_what_is_no_objective_is_refused_with_an_example(text):
    with pytest.raises(ValidationError, match="99% < 5m"):
        freshness(slo=text)


def test_an_age_that_is_none_is_refused():
    with pytest.raises(ValidationError, match="must be a duration"):
        freshness(slo="99% < five")


@pytest.mark.parametrize("value", [0, 0.5, "0s", "400d", "soon", True, [1]])
def test_what_is_no_bound_is_refused(value):
    with pytest.raises(ValidationError):
        freshness(maxStale=value)


def test_an_unknown_key_is_refused():
    with pytest.raises(ValidationError):
        freshness(max_stale=5)


def test_a_binding_says_what_it_says_and_the_rest_is_as_in_the_settings():
    assert freshness().plain(HOUR) == HOUR
    assert freshness(maxStale="5m").plain(HOUR) == Freshness(
        max_stale=300.0, slo=HOUR.slo, insisted=True
    )
    assert freshness(slo="90% < 1m").plain(HOUR) == Freshness(
        max_stale=3600.0, slo=Slo(ratio=0.9, age=60.0), insisted=True
    )


def test_a_binding_can_do_without_what_the_settings_say():
    assert freshness(maxStale=None).plain(HOUR) == Freshness(slo=HOUR.slo, insisted=True)
    assert freshness(maxStale=None, slo=None).plain(HOUR) is None


def test_where_nobody_says_anything_there_is_nothing():
    assert freshness().plain() is None
    assert freshness().plain(Freshness()) is None
    assert freshness(maxStale="1h", slo="99% < 5m").plain() == HOUR
