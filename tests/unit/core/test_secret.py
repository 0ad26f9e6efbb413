from __future__ import annotations

import pickle

import pytest

from repaintd.core.secret import MASK, Secret


def test_a_secret_cannot_be_printed():
    secret = Secret("hunter2")
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>20}",
        f"{secret:>20}",
        str([secret]),
    ]
    assert not any("hunter2" in text for text in shown)
    assert str(secret) == MASK


def test_a_secret_is_revealed_only_on_request():
    assert Secret("hunter2").reveal() == "hunter2"


def test_secrets_compare_by_value():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("é").matches("é")
    assert not Secret("a").matches("A")
    assert not Secret("")


def test_a_secret_is_not_pickled():
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret("hunter2"))
