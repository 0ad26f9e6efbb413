from __future__ import annotations

import pytest

from repaintd.plugin import SecretUnavailable
from repaintd_webhooks.target import origin_of, resolved


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hooks.test/a%20b?c=d", "https://hooks.test/a%20b?c=d"),
        ("${env:URL}", "https://hooks.test/T0/B0?key=hunter2"),
        ("${env:URL}&x=1", "https://hooks.test/T0/B0?key=hunter2&x=1"),
        ("https://hooks.test/${env:TOKEN}/x", "https://hooks.test/a/b:c%3Fd%26e%3D%C3%BC/x"),
        ("https://hooks.test/?k=${env:TOKEN}", "https://hooks.test/?k=a%2Fb%3Ac%3Fd%26e%3D%C3%BC"),
        ("https://hooks.test/?k=$${x}", "https://hooks.test/?k=%24%7Bx}"),
    ],
)
def test_references_are_replaced_and_encoded_where_they_stand(secret, url, expected):
    assert resolved(url, secret) == expected


def test_a_reference_without_a_value_is_named(secret):
    with pytest.raises(SecretUnavailable, match=r"\$\{env:NONE\} has no value"):
        resolved("https://hooks.test/${env:NONE}", secret)


def test_the_origin_holds_neither_path_nor_query():
    assert origin_of("https://hooks.test:8443/T0?key=hunter2#x") == "https://hooks.test:8443"
