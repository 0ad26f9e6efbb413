from __future__ import annotations

import base64
import hashlib
import hmac
import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from repaintd.core.signing import (
    sign_pictify,
    sign_plain,
    sign_standard,
    standard_key,
)

AT = 1_614_265_330
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_example_that_github_publishes() -> None:
    signature = sign_plain("It's a Secret to Everybody", b"Hello, World!")

    assert signature == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_the_vector_that_standard_webhooks_publishes() -> None:
    signature = sign_standard(WHSEC, MESSAGE, b'{"test": 2432232314}', AT)

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["whsec_c2VjcmV0", "just text", "ünïcödé"])
def test_pictify_takes_the_whole_secret_as_the_key(secret: str) -> None:
    expected = hmac.new(secret.encode(), b'1614265330.{"a":1}', hashlib.sha256).hexdigest()

    assert sign_pictify(secret, b'{"a":1}', AT) == f"t=1614265330,v1={expected}"


def test_pictify_sends_exactly_two_pairs_without_spaces() -> None:
    pairs = [pair.split("=") for pair in sign_pictify("s", b"", AT).split(",")]

    assert [name for name, _ in pairs] == ["t", "v1"]


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=200))
def test_the_reference_library_verifies_what_is_signed(key: bytes, body: bytes) -> None:
    secret = f"whsec_{base64.b64encode(key).decode()}"
    now = datetime.now(tz=UTC)
    text = body.hex()  # the library verifies and then reads JSON
    signed = f'"{text}"'.encode()
    signature = sign_standard(secret, "msg_1", signed, int(now.timestamp()))

    assert signature == Webhook(secret).sign("msg_1", now, signed.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    assert Webhook(secret).verify(signed.decode(), headers) == text


def test_each_secret_verifies_while_they_are_changed() -> None:
    old, new = (f"whsec_{base64.b64encode(os.urandom(32)).decode()}" for _ in range(2))
    at = int(datetime.now(tz=UTC).timestamp())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(
            sign_standard(secret, "msg_1", b"{}", at) for secret in (new, old)
        ),
    }

    assert Webhook(old).verify("{}", headers) == {}
    assert Webhook(new).verify("{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(WHSEC).verify("{}", headers)


def test_a_secret_without_the_prefix_is_text() -> None:
    assert standard_key("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") == b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert standard_key("ä") == b"\xc3\xa4"
    assert standard_key(WHSEC) == base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


@pytest.mark.parametrize("rest", ["", "====", "not base64!", "YWJ", "YWJj\n", "YW-_", "ä"])
def test_a_malformed_secret_is_told_without_showing_it(rest: str) -> None:
    with pytest.raises(ValueError, match="make one with") as raised:
        sign_standard(f"whsec_{rest}", "msg_1", b"", AT)

    assert not rest or rest not in str(raised.value)


def test_bytes_of_the_environment_that_are_no_utf8_are_the_key_as_they_are() -> None:
    key = b"\xff\xfe key"
    secret = os.fsdecode(key)

    assert sign_plain(secret, b"x") == f"sha256={hmac.digest(key, b'x', 'sha256').hex()}"
    assert standard_key(secret) == key
