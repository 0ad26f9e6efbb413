from __future__ import annotations

import re

import pytest

from repaintd.plugin import Secret, SecretUnavailable

SECRETS = {
    "${env:TOKEN}": "t0ken",
    "${env:USER}": "anna",
    "${env:PAIR}": "anna:pa:ss",
    "${env:ODD}": "a&b=c #ü/?",
    "${env:BROKEN}": "two\nlines",
    "$${": "${",
}


def resolve(text):
    """Like the daemon's resolver, over a fixed table."""

    def one(match):
        if match[0] not in SECRETS:
            raise SecretUnavailable(f"{match[0]} has no value: the variable is not set")
        return SECRETS[match[0]]

    return Secret(re.sub(r"\$\$\{|\$\{[^{}]*\}", one, text))


@pytest.fixture
def secret():
    return resolve
