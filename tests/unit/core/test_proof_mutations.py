from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from repaintd.core.proof import ProofRefused, verify
from repaintd.core.signing import sign_pictify, sign_plain, sign_standard

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_700_000_000
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"event": "push", "payload": {"stars": 7, "name": "caf\xc3\xa9"}}'
REQUESTS: list[dict[str, str]] = [
    {"x-webhook-signature": sign_plain(SECRET, BODY)},
    {"x-hub-signature-256": sign_plain(SECRET, BODY)},
    {"x-pictify-signature": sign_pictify(SECRET, BODY, NOW)},
    {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(NOW),
        "webhook-signature": sign_standard(SECRET, "msg_1", BODY, NOW),
    },
]
LETTERS = "0123456789abcdefABCDEF=,. v1t+/-_\t\n\0é\udcff"
TRIES = 100_000


def _flipped(dice: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    changed[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _inserted(dice: random.Random, body: bytes) -> bytes:
    at = dice.randrange(len(body) + 1)
    return body[:at] + dice.randbytes(1) + body[at:]


def _removed(dice: random.Random, body: bytes) -> bytes:
    at = dice.randrange(len(body))
    return body[:at] + body[at + 1 :]


def _another(dice: random.Random, body: bytes) -> bytes:
    return dice.randbytes(dice.randrange(len(body)))


MUTATIONS: list[Callable[[random.Random, bytes], bytes]] = [_flipped, _inserted, _removed, _another]


def _letter_changed(dice: random.Random, text: str) -> str:
    at = dice.randrange(len(text) + 1)
    rest = dice.randint(at, at + 1)  # put before a letter, or in its place
    new: str = dice.choice([*LETTERS, ""])
    return text[:at] + new + text[rest:]


def _mutated(dice: random.Random, headers: dict[str, str]) -> tuple[dict[str, str], bytes]:
    if dice.random() < 0.4:
        return headers, dice.choice(MUTATIONS)(dice, BODY)
    name = dice.choice(list(headers))
    changed = dict(headers)
    if dice.random() < 0.05:
        del changed[name]
    else:
        for _ in range(dice.choice([1, 1, 1, 2, 5])):
            changed[name] = _letter_changed(dice, changed[name])
    return changed, BODY


@pytest.mark.slow
def test_of_a_hundred_thousand_mutations_none_is_accepted() -> None:
    dice = random.Random(20_260_214)
    tried = 0
    while tried < TRIES:
        original = dice.choice(REQUESTS)
        headers, body = _mutated(dice, original)
        if headers == original and body == BODY:
            continue
        tried += 1
        try:
            verify(headers, body, [SECRET], "signature", NOW)
        except ProofRefused:
            continue
        pytest.fail(f"accepted: {headers} {body!r}")


@pytest.mark.parametrize("headers", REQUESTS)
def test_what_the_mutations_are_made_of_is_accepted(headers: dict[str, str]) -> None:
    verify(headers, BODY, [SECRET], "signature", NOW)
