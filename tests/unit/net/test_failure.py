from __future__ import annotations

import ssl

import aiohttp
import pytest
from yarl import URL

from repaintd.net.failure import failure_of
from repaintd.net.guard import EgressRefused
from repaintd.net.target import parse_target

TARGET = parse_target("https://api.example:8443/secret/path?key=hunter2")
INFO = aiohttp.RequestInfo(URL("https://api.example/?key=hunter2"), "GET", {}, URL())


@pytest.mark.parametrize(
    ("exc", "reason", "words"),
    [
        (TimeoutError(), "timeout", "no whole answer within 30 s"),
        (aiohttp.ServerTimeoutError(), "timeout", "no whole answer within 30 s"),
        (EgressRefused("is a private address"), "egress_denied", "the host is a private address"),
        (aiohttp.ClientPayloadError("hunter2"), "truncated", "broke off before its end"),
        (aiohttp.ServerDisconnectedError("hunter2"), "network", "closed without an answer"),
        (ConnectionResetError(104, "hunter2"), "network", "Connection reset by peer"),
        (aiohttp.ClientOSError(32, "hunter2"), "network", "Broken pipe"),
        (OSError("hunter2"), "network", "OSError"),
        (aiohttp.ClientConnectionError("hunter2"), "network", "the connection broke"),
        (ssl.SSLError(1, "hunter2"), "tls", "handshake failed"),
        (aiohttp.InvalidURL("https://x/?hunter2"), "url", "the URL cannot be used"),
        (
            aiohttp.ClientResponseError(INFO, (), message="Bad line:\n  b'hunter2'"),
            "protocol",
            "not valid HTTP: bad line",
        ),
        (ValueError("hunter2"), "protocol", "the request cannot be sent"),
        (aiohttp.ClientError("hunter2"), "protocol", "the request cannot be sent"),
    ],
)
def test_each_failure_has_its_reason_and_shows_no_more_than_the_origin(exc, reason, words):
    failed = failure_of(exc, TARGET, 30.0)
    assert failed.reason == reason
    assert str(failed).startswith("https://api.example:8443: ")
    assert words in str(failed)
    assert "hunter2" not in str(failed)
    assert "secret" not in str(failed)
