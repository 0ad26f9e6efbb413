from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from repaintd.plugin import DeliveryPolicy
from repaintd.plugin.quantities import parse_duration
from repaintd_webhooks.settings import WebhookSettings


def test_the_defaults_are_the_schedule_of_the_contract():
    assert WebhookSettings().policy() == DeliveryPolicy(
        retries=(60.0, 300.0, 1800.0, 7200.0, 86400.0),
        jitter=0.2,
        timeout=15.0,
        concurrency=8,
        disable_after=5,
    )


def test_everything_can_be_set():
    settings = WebhookSettings.model_validate(
        {
            "retries": ["30s", "1h30m", 90, "120", "1.5s", "1d"],
            "timeout": "1m",
            "concurrency": 1,
            "disableAfter": 0,
        }
    )
    assert settings.policy() == DeliveryPolicy(
        retries=(30.0, 5400.0, 90.0, 120.0, 1.5, 86400.0),
        jitter=0.2,
        timeout=60.0,
        concurrency=1,
        disable_after=0,
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"retries": []},
        {"retries": ["0s"]},
        {"retries": ["8d"]},
        {"retries": ["1m"] * 21},
        {"retries": "1m"},
        {"retries": [True]},
        {"retries": [10**400]},
        {"retries": [float("nan")]},
        {"retries": [float("inf")]},
        {"retries": ["soon"]},
        {"retries": ["1h30"]},
        {"retries": [""]},
        {"retries": [None]},
        {"retries": ["\N{ARABIC-INDIC DIGIT ONE}s"]},
        {"timeout": "0s"},
        {"timeout": "61s"},
        {"concurrency": 0},
        {"concurrency": 33},
        {"concurrency": "8"},
        {"disableAfter": -1},
        {"disableAfter": True},
        {"jitter": 0.5},
        {"unknown": 1},
    ],
)
def test_what_makes_no_sense_is_refused(settings):
    with pytest.raises(ValidationError):
        WebhookSettings.model_validate(settings)


def test_a_malformed_duration_is_told_what_one_looks_like():
    with pytest.raises(ValidationError, match="must be a duration: seconds, or a text such as 30s"):
        WebhookSettings.model_validate({"timeout": "quick"})


@given(st.text(max_size=50) | st.integers() | st.floats() | st.none() | st.booleans())
def test_anything_is_a_number_of_seconds_or_a_value_error(value):
    with contextlib.suppress(ValueError):
        assert isinstance(parse_duration(value), float)
