from __future__ import annotations

import pytest

from repaintd.errors import HttpFailed
from repaintd.net.target import parse_target


@pytest.mark.parametrize(
    ("url", "host", "port", "origin"),
    [
        ("http://example.com", "example.com", 80, "http://example.com:80"),
        ("HTTPS://Example.COM/Path", "example.com", 443, "https://example.com:443"),
        ("https://example.com:8443/a?b=c#d", "example.com", 8443, "https://example.com:8443"),
        ("http://example.com:/", "example.com", 80, "http://example.com:80"),
        ("http://example.com.:81?x", "example.com.", 81, "http://example.com.:81"),
        ("http://bücher.example/", "xn--bcher-kva.example", 80, "http://xn--bcher-kva.example:80"),
        ("http://web1/", "web1", 80, "http://web1:80"),
    ],
)
def test_names_are_taken_apart(url, host, port, origin):
    target = parse_target(url)
    assert (target.host, target.port, target.origin, target.literal) == (host, port, origin, False)


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        ("http://192.0.2.1/", "192.0.2.1", "http://192.0.2.1:80"),
        ("http://[2001:DB8:0::1]/", "2001:db8::1", "http://[2001:db8::1]:80"),
        ("http://[::ffff:127.0.0.1]/", "::ffff:7f00:1", "http://[::ffff:7f00:1]:80"),
    ],
)
def test_addresses_are_known_as_such(url, host, origin):
    target = parse_target(url)
    assert (target.host, target.origin, target.literal) == (host, origin, True)


@pytest.mark.parametrize(
    "path", ["/a%2Fb/%7Eme/../x?sig=a+b%20c%7E&y=%e4", "/", "", "/a?b?c", "/;x=[1]"]
)
def test_what_is_a_url_already_goes_out_byte_for_byte(path):
    target = parse_target(f"http://example.com{path}")
    assert target.url.raw_path_qs == (path or "/")


def test_what_is_not_gets_quoted():
    target = parse_target("http://example.com/ä b?q={x}")
    assert target.url.raw_path_qs == "/%C3%A4%20b?q=%7Bx%7D"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "begin with http"),
        ("example.com/x", "begin with http"),
        ("ftp://example.com/", "begin with http"),
        ("file:///etc/passwd", "begin with http"),
        ("javascript:alert(1)", "begin with http"),
        ("http:/example.com", "begin with http"),
        ("http:///path", "no host"),
        ("http://?x", "no host"),
        ("http://user@example.com/", "user name"),
        ("http://user:secret@example.com/", "user name"),
        ("http://example.com:80@evil.example/", "user name"),
        ("http://@example.com/", "user name"),
        ("http://a\\@b/", "user name"),
        ("http://example.com\\.evil.example/", "host or port is malformed"),
        ("http://exa mple.com/", "host or port is malformed"),
        (" http://example.com/", "begin with http"),
        ("http://example.com/\r\nX: y", "control character"),
        ("http://example.com/\0", "control character"),
        ("http://ex%61mple.com/", "host or port is malformed"),
        ("http://example.com:port/", "host or port is malformed"),
        ("http://example.com:٨٠/", "host or port is malformed"),
        ("http://example.com:123456/", "host or port is malformed"),
        ("http://example.com:0/", "port 0 does not exist"),
        ("http://example.com:65536/", "malformed"),
        ("http://[::1/", "host or port is malformed"),
        ("http://[fe80::1%25eth0]/", "host or port is malformed"),
        ("http://[v1.a]/", "host or port is malformed"),
        ("http://[::1]x/", "host or port is malformed"),
        ("http://[1.2.3.4]/", "malformed"),
        ("http://[1::2::3]/", "usual form"),
        ("http://a..b/", "usual form"),
        ("http://127.1/", "usual form"),
        ("http://xn--zz--/", "usual form"),
        ("http://①②⑦.0.0.1/", "not an international host name"),
        ("http://\uff4cocalhost/", "not an international host name"),
    ],
)
def test_bad_input_35_what_is_not_a_plain_url_is_refused(url, words):
    with pytest.raises(HttpFailed) as caught:
        parse_target(url)
    assert caught.value.reason == "url"
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_broken_international_name_is_refused_when_it_is_looked_up_not_with_a_crash():
    # punycode that decodes to nothing is still a name that a resolver may be asked for
    assert parse_target("http://xn--zz/").host == "xn--zz"
