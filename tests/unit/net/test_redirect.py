from __future__ import annotations

import pytest

from repaintd.errors import HttpFailed
from repaintd.net.redirect import Hop, next_hop
from repaintd.net.target import parse_target

HEADERS = {
    "X-API-Key": "k",
    "Accept": "application/json",
    "Content-Type": "application/json",
    "If-None-Match": '"1"',
}


def hop(url="https://a.example/x/y?z=1", method="GET", body=None):
    return Hop(parse_target(url), method, HEADERS, body)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/new", "https://a.example/new"),
        ("new?q", "https://a.example/x/new?q"),
        ("?q", "https://a.example/x/y?q"),
        ("https://a.example:443/new", "https://a.example/new"),
        (" https://a.example/new ", "https://a.example/new"),
        ("HTTPS://A.EXAMPLE/new", "https://a.example/new"),
        ("https:///new", "https://a.example/new"),
        ("/\ud800n\udce9ew", "https://a.example/new"),
    ],
)
def test_headers_travel_within_the_origin(location, url):
    following = next_hop(hop(), 302, location)
    assert following.target.origin == "https://a.example:443"
    assert following.target.url.raw_path_qs == parse_target(url).url.raw_path_qs
    assert following.headers == HEADERS


@pytest.mark.parametrize(
    "location",
    [
        "https://b.example/",
        "//b.example/",
        "https://a.example:8443/",
        "https://sub.a.example/",
        "https://a.example./",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_bad_input_33_no_header_leaves_the_origin(location, status):
    assert next_hop(hop(), status, location).headers == {}


def test_bad_input_33_an_upgrade_to_https_is_another_origin():
    following = next_hop(hop("http://a.example/"), 301, "https://a.example/")
    assert following.headers == {}


@pytest.mark.parametrize("status", [301, 302, 303])
def test_post_becomes_get_without_body_and_its_headers(status):
    following = next_hop(hop(method="POST", body=b"{}"), status, "/new")
    assert (following.method, following.body) == ("GET", None)
    assert "Content-Type" not in following.headers
    assert following.headers["X-API-Key"] == "k"


@pytest.mark.parametrize("status", [307, 308])
def test_method_and_body_are_kept(status):
    following = next_hop(hop(method="POST", body=b"{}"), status, "/new")
    assert (following.method, following.body, following.headers) == ("POST", b"{}", HEADERS)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_get_and_head_stay_what_they_are(status):
    assert next_hop(hop(method="HEAD"), status, "/new").method == "HEAD"
    assert next_hop(hop(method="GET"), status, "/new").method == "GET"


def test_a_post_that_turns_into_get_may_leave_the_origin():
    following = next_hop(hop(method="POST", body=b"secret"), 303, "https://b.example/")
    assert (following.method, following.body, following.headers) == ("GET", None, {})


@pytest.mark.parametrize("status", [307, 308])
def test_bad_input_33_a_body_never_leaves_the_origin(status):
    with pytest.raises(HttpFailed, match="body") as caught:
        next_hop(hop(method="POST", body=b"secret"), status, "https://b.example/")
    assert caught.value.reason == "redirect"


@pytest.mark.parametrize(
    "location",
    [
        "http://a.example/",
        "file:///etc/passwd",
        "ftp://a.example/",
        "javascript:alert(1)",
        "data:application/json,{}",
        "https://user@b.example/",
        "https://[::1",
        "https://127.1/",
        "https://a.example:99999/",
        "/new\r\nX: y",
        "/n\tew",
        "https://\udce9.example/",
    ],
)
def test_bad_input_32_a_place_that_is_not_one_to_go_to(location):
    with pytest.raises(HttpFailed) as caught:
        next_hop(hop(), 302, location)
    assert caught.value.reason == "redirect"
    assert str(caught.value).startswith("https://a.example:443: the redirect ")
