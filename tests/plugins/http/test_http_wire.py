from __future__ import annotations

import base64

import orjson
import pytest

from repaintd.plugin import FetchFailed, SecretUnavailable, Validators
from repaintd_http.spec import HttpSpec
from repaintd_http.wire import wire_of

URL = "https://api.example/data"


def spec(**keys):
    return HttpSpec.model_validate({"url": URL, **keys})


def test_json_is_asked_for_unless_something_else_is(secret):
    assert wire_of(spec(), secret).headers == {"Accept": "application/json"}
    assert wire_of(spec(headers={"accept": "text/json"}), secret).headers == {"accept": "text/json"}


def test_validators_are_sent_byte_for_byte(secret):
    validators = Validators(etag='W/"a\\b"', last_modified="Sun Nov  6 08:49:37 1994")
    headers = wire_of(spec(), secret, validators).headers
    assert headers["If-None-Match"] == 'W/"a\\b"'
    assert headers["If-Modified-Since"] == "Sun Nov  6 08:49:37 1994"


@pytest.mark.parametrize(
    ("credentials", "header", "value"),
    [
        ({"type": "api_key", "value": "${env:TOKEN}"}, "X-API-Key", "t0ken"),
        ({"type": "api_key", "value": "k", "headerName": "X-Key"}, "X-Key", "k"),
        ({"type": "bearer_token", "value": "${env:TOKEN}"}, "Authorization", "Bearer t0ken"),
        (
            {"type": "custom_header", "headerName": "X-T", "value": "v ${env:TOKEN}"},
            "X-T",
            "v t0ken",
        ),
    ],
)
def test_credentials_become_headers(secret, credentials, header, value):
    assert wire_of(spec(credentials=credentials), secret).headers[header] == value


@pytest.mark.parametrize(
    ("credentials", "pair"),
    [
        ({"username": "anna", "value": "${env:TOKEN}"}, "anna:t0ken"),
        ({"username": "${env:USER}", "value": "pä:ss"}, "anna:pä:ss"),
        ({"username": "", "value": "pass"}, ":pass"),
        ({"value": "${env:PAIR}"}, "anna:pa:ss"),
    ],
)
def test_basic_auth_is_a_pair_in_base64(secret, credentials, pair):
    headers = wire_of(spec(credentials={"type": "basic_auth", **credentials}), secret).headers
    assert headers["Authorization"] == "Basic " + base64.b64encode(pair.encode()).decode()


def test_basic_auth_without_a_user_is_told(secret):
    with pytest.raises(FetchFailed, match="give username") as caught:
        wire_of(spec(credentials={"type": "basic_auth", "value": "${env:TOKEN}"}), secret)
    assert caught.value.reason == "secret"
    assert "t0ken" not in str(caught.value)


def test_a_user_name_that_turns_out_to_hold_a_colon_is_told(secret):
    credentials = {"type": "basic_auth", "username": "${env:PAIR}", "value": "x"}
    with pytest.raises(FetchFailed, match="colon") as caught:
        wire_of(spec(credentials=credentials), secret)
    assert caught.value.reason == "secret"
    assert "anna" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        (URL, URL + "?k%26y=a%26b%3Dc%20%23%C3%BC%2F%3F"),
        (URL + "?x=1", URL + "?x=1&k%26y=a%26b%3Dc%20%23%C3%BC%2F%3F"),
        (URL + "#part", URL + "?k%26y=a%26b%3Dc%20%23%C3%BC%2F%3F"),
    ],
)
def test_a_key_in_the_query_is_quoted(secret, url, asked):
    credentials = {"type": "api_key", "value": "${env:ODD}", "in": "query", "name": "k&y"}
    wire = wire_of(spec(url=url, credentials=credentials), secret)
    assert wire.url == asked
    assert wire.headers == {"Accept": "application/json"}


def test_a_secret_in_the_query_is_quoted_and_the_rest_left_alone(secret):
    wire = wire_of(spec(url=URL + "?a=%7E+b&k=${env:ODD}&l=${env:TOKEN}&m=$${x}"), secret)
    assert wire.url == (URL + "?a=%7E+b&k=a%26b%3Dc%20%23%C3%BC%2F%3F&l=t0ken&m=%24%7Bx}")


def test_secrets_are_resolved_in_headers_and_body(secret):
    wire = wire_of(
        spec(
            method="POST",
            headers={"X-A": "a${env:TOKEN}b", "X-B": "plain"},
            body={"token": "${env:TOKEN}", "list": ["${env:USER}", 1, None, {"x": "y"}]},
        ),
        secret,
    )
    assert wire.headers["X-A"] == "at0kenb"
    assert wire.headers["Content-Type"] == "application/json"
    assert orjson.loads(wire.body) == {"token": "t0ken", "list": ["anna", 1, None, {"x": "y"}]}


def test_a_content_type_of_ones_own_is_kept(secret):
    headers = {"content-type": "application/graphql+json"}
    wire = wire_of(spec(method="POST", body="text", headers=headers), secret)
    assert (wire.body, wire.headers["content-type"]) == (b'"text"', headers["content-type"])
    assert "Content-Type" not in wire.headers


def test_post_may_go_without_a_body(secret):
    wire = wire_of(spec(method="POST"), secret)
    assert (wire.body, "Content-Type" in wire.headers) == (None, False)


@pytest.mark.parametrize(
    "keys",
    [
        {"headers": {"X-A": "${env:BROKEN}"}},
        {"credentials": {"type": "bearer_token", "value": "${env:BROKEN}"}},
        {"credentials": {"type": "api_key", "value": "${env:BROKEN}"}},
    ],
)
def test_a_secret_with_a_line_break_is_never_sent(secret, keys):
    with pytest.raises(FetchFailed, match="line break") as caught:
        wire_of(spec(**keys), secret)
    assert caught.value.reason == "secret"
    assert "lines" not in str(caught.value)


@pytest.mark.parametrize(
    "keys",
    [
        {"url": URL + "?k=${env:GONE}"},
        {"headers": {"X-A": "${env:GONE}"}},
        {"method": "POST", "body": ["${env:GONE}"]},
        {"credentials": {"type": "api_key", "value": "${env:GONE}"}},
        {"credentials": {"type": "basic_auth", "username": "${env:GONE}", "value": "x"}},
    ],
)
def test_bad_input_17_an_absent_secret_is_named(secret, keys):
    with pytest.raises(SecretUnavailable, match="GONE"):
        wire_of(spec(**keys), secret)


def test_what_is_ready_to_be_sent_is_not_shown(secret):
    keys = {"headers": {"X-A": "${env:TOKEN}"}, "url": URL + "?k=${env:TOKEN}"}
    assert "t0ken" not in repr(wire_of(spec(**keys), secret))
