from __future__ import annotations

import pytest
from pydantic import ValidationError

from repaintd_http.spec import HttpSpec

URL = "https://api.example/data"


def spec(**keys):
    return HttpSpec.model_validate({"type": "http", "url": URL, **keys})


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.example/data", "api.example:443"),
        ("http://API.example:8080/data?x=1#y", "api.example:8080"),
        ("HTTP://api.example", "api.example:80"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("https://api.example/?key=${env:KEY}&x=${file:/run/a b}", "api.example:443"),
    ],
)
def test_the_limit_per_host_counts_host_and_port(url, host):
    assert spec(url=url).host() == host


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must begin with http"),
        ("api.example/data", "must begin with http"),
        ("ftp://api.example/", "must begin with http"),
        ("file:///etc/passwd", "must begin with http"),
        ("http:///data", "has no host"),
        ("http://anna:secret@api.example/", "user name"),
        ("http://api.example:port/", "malformed"),
        ("http://api.example:99999/", "malformed"),
        ("http://[::1/", "malformed"),
        ("http://api.example/a b", "write %20"),
        ("http://api.example/a\nb", "control character"),
        ("http://${env:HOST}/", "in the query only"),
        ("http://api.example/${env:PATH}", "in the query only"),
        ("${env:URL}", "in the query only"),
    ],
)
def test_a_url_that_cannot_be_asked_is_refused_with_what_to_do(url, words):
    with pytest.raises(ValidationError) as caught:
        spec(url=url)
    assert words in str(caught.value)
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"X Key": "1"}, "not a header name"),
        ({"X-Kéy": "1"}, "not a header name"),
        ({"": "1"}, "not a header name"),
        ({"X:": "1"}, "not a header name"),
        ({"X-Key": "a\r\nX-Evil: 1"}, "line break"),
        ({"X-Key": "a\0"}, "control character"),
        ({"Host": "evil.example"}, "belongs to the connection"),
        ({"content-LENGTH": "3"}, "belongs to the connection"),
        ({"Transfer-Encoding": "chunked"}, "belongs to the connection"),
        ({"Connection": "close"}, "belongs to the connection"),
        ({"Upgrade": "h2c"}, "belongs to the connection"),
        ({"Proxy-Authorization": "x"}, "belongs to the connection"),
        ({"If-None-Match": '"1"'}, "sent by the daemon"),
        ({"Range": "bytes=0-1"}, "sent by the daemon"),
        ({"Accept": "a", "ACCEPT": "b"}, "stands here twice"),
    ],
)
def test_headers_that_must_not_be_sent_are_refused(headers, words):
    with pytest.raises(ValidationError) as caught:
        spec(headers=headers)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        ({"type": "api_key", "value": "k"}, "X-API-Key"),
        ({"type": "api_key", "value": "k", "headerName": "X-Token"}, "X-Token"),
        ({"type": "api_key", "value": "k", "in": "query", "name": "key"}, None),
        ({"type": "bearer_token", "value": "k"}, "Authorization"),
        ({"type": "basic_auth", "value": "k", "username": "anna"}, "Authorization"),
        ({"type": "custom_header", "value": "k", "headerName": "X-Token"}, "X-Token"),
    ],
)
def test_four_ways_to_prove_who_asks(credentials, header):
    assert spec(credentials=credentials).credentials.header == header


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({"type": "oauth", "value": "k"}, "api_key"),
        ({"type": "api_key"}, "required"),
        ({"type": "api_key", "value": ""}, "at least 1"),
        ({"type": "api_key", "value": "k", "in": "query"}, "needs name"),
        ({"type": "api_key", "value": "k", "in": "body"}, "header"),
        (
            {"type": "api_key", "value": "k", "in": "query", "name": "n", "headerName": "X"},
            "give name",
        ),
        ({"type": "api_key", "value": "k", "name": "n"}, "in: query"),
        ({"type": "bearer_token", "value": "k", "in": "query", "name": "n"}, "goes with api_key"),
        ({"type": "bearer_token", "value": "k", "headerName": "X"}, "goes with api_key"),
        ({"type": "bearer_token", "value": "k", "username": "anna"}, "goes with basic_auth"),
        ({"type": "basic_auth", "value": "k", "username": "an:na"}, "no colon"),
        ({"type": "custom_header", "value": "k"}, "needs headerName"),
        ({"type": "custom_header", "value": "k", "headerName": "Host"}, "connection"),
        ({"type": "custom_header", "value": "k", "headerName": "a b"}, "not a header name"),
        ({"type": "api_key", "value": "k", "extra": 1}, "extra"),
    ],
)
def test_credentials_that_do_not_fit_their_type_are_refused(credentials, words):
    with pytest.raises(ValidationError) as caught:
        spec(credentials=credentials)
    assert words in str(caught.value).lower() or words in str(caught.value)


def test_a_header_comes_from_one_place():
    with pytest.raises(ValidationError, match="keep one"):
        spec(
            headers={"authorization": "x"},
            credentials={"type": "bearer_token", "value": "k"},
        )


def test_a_body_needs_post():
    with pytest.raises(ValidationError, match="method: POST"):
        spec(body={"q": 1})
    assert spec(body={"q": 1}, method="POST").body == {"q": 1}


def test_only_get_and_post_are_methods():
    with pytest.raises(ValidationError):
        spec(method="DELETE")


BASE = {
    "url": "https://api.example/data",
    "method": "POST",
    "headers": {"X-A": "1"},
    "body": {"q": 1},
    "credentials": {"type": "api_key", "value": "${env:KEY}"},
}


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://api.example/other"},
        {"headers": {"X-A": "2"}},
        {"headers": {}},
        {"body": {"q": 2}},
        {"body": None},
        {"method": "GET", "body": None},
        {"credentials": {"type": "api_key", "value": "${env:OTHER}"}},
        {"credentials": {"type": "bearer_token", "value": "${env:KEY}"}},
        {"credentials": None},
    ],
)
def test_bad_input_25_the_fingerprint_changes_with_what_is_asked(change):
    assert spec(**BASE).fingerprint() != spec(**{**BASE, **change}).fingerprint()


def test_the_fingerprint_stays_with_what_stays():
    assert spec(**BASE).fingerprint() == spec(**BASE).fingerprint()
    assert len(spec(**BASE).fingerprint()) == 32


def test_secrets_in_clear_are_not_shown():
    shown = spec(credentials={"type": "basic_auth", "value": "hunter2", "username": "hunter2"})
    assert "hunter2" not in repr(shown)
    assert "hunter2" not in shown.fingerprint()


def test_the_schema_names_every_key():
    schema = HttpSpec.model_json_schema()
    assert {"type", "url", "method", "headers", "body", "credentials"} == set(schema["properties"])
    assert "headerName" in schema["$defs"]["Credentials"]["properties"]
    assert "in" in schema["$defs"]["Credentials"]["properties"]
