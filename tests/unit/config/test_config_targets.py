"""Where outgoing webhooks may lead (reliability item 56)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from repaintd.config import Settings

if TYPE_CHECKING:
    from conftest import Load, Problems

FILE = "repaintd.yaml"
AT = f"{FILE}:3:16: webhooks[0].targetUrl: "
ENVIRON = {"K": "k", "URL": "http://127.0.0.1/"}


def entry(url: str, settings: str = "") -> dict[str, str | bytes]:
    lines = ["webhooks:", "  - uid: a", f"    targetUrl: '{url}'"]
    lines += ["    event: '*'", "    secret: '${env:K}'", settings]
    return {FILE: "\n".join(lines)}


PUBLIC = [
    "https://example.com",
    "http://example.com:8080/hooks?x=y#z",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]:444/x",
    "HTTPS://Example.COM./",
    "https://xn--bcher-kva.example/",
    "https://example.com/a@b",
    "https://example.com/${env:URL}",
    "https://example.com/?token=${env:URL}",
    "${env:URL}",
    "${env:URL}/hooks with anything",
    "http://${env:URL}:80/",
    "http://${credential:a@b}/",
    "http://example.com${file:/dev/null}",
    "https://receiver:9000/",
    "https://localhost.example.com/",
]


@pytest.mark.parametrize("url", PUBLIC)
def test_public_receivers_and_those_known_at_use_only(load: Load, url: str):
    assert load(entry(url), environ=ENVIRON).settings.webhooks[0].target_url == url


NO_URL = "must be a URL that begins with http:// or https:// and names a host"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.com/", NO_URL),
        ("file:///etc/passwd", NO_URL),
        ("example.com/hook", NO_URL),
        ("//example.com", NO_URL),
        ("https://", NO_URL),
        ("https:///path", NO_URL),
        ("https://:80/", NO_URL),
        ("https://[::1/", NO_URL),
        ("https://h:1:2/", NO_URL),
        ("https://h:port/", NO_URL),
        ("https://h:99999/", "has a port outside 1 to 65535"),
        ("https://h:0/", "has a port outside 1 to 65535"),
        ("https://u:p@example.com/", "holds a user name; remove it, the messages are signed"),
        ("https://u:${env:K}@h/", "holds a user name; remove it, the messages are signed"),
        (
            "https://example.com/a b",
            "holds a space, a backslash or a control character; write %20 for a space",
        ),
        (
            "https://example.com\\.evil.example/",
            "holds a space, a backslash or a control character; write %20 for a space",
        ),
        ("https://127.1/", "127.1 is neither a host name nor an IP address in its usual form"),
        ("https://0x7f000001/", "0x7f000001 is neither a host name nor an IP address in its usual"),
        ("https://2130706433/", "2130706433 is neither a host name nor an IP address in its usual"),
        ("https://a%20b/", "a%20b is neither a host name nor an IP address in its usual form"),
        ("https://[1:2]/", "1:2 is neither a host name nor an IP address in its usual form"),
        (
            "https://bücher.example/",
            "must name its host in ASCII: xn--bcher-kva.example, if that is the one that is meant",
        ),
        (
            "https://exаmple.com/",  # noqa: RUF001 (a Cyrillic letter)
            "must name its host in ASCII: xn--exmple-4nf.com, if that is the one that is meant",
        ),
        (
            "https://①②⑦.0.0.1/",
            "must name its host in ASCII: 127.0.0.1, if that is the one that is meant",
        ),
        (
            f"https://{'ü' * 70}.example/",
            "must name its host in ASCII, and this one has no such form",
        ),
    ],
)
def test_bad_input_56_urls_that_are_none(problems: Problems, url: str, message: str):
    (found,) = problems(entry(url), environ=ENVIRON)
    assert found.startswith(f"{AT}{message}")


@pytest.mark.parametrize(
    ("url", "kind", "entry_of_allow"),
    [
        ("http://127.0.0.1:9000/", "a loopback address", "127.0.0.1:9000"),
        ("http://localhost:9000/", "a loopback address", "localhost:9000"),
        ("http://a.localhost./", "a loopback address", "a.localhost.:80"),
        ("https://10.0.0.5/x", "a private address", "10.0.0.5:443"),
        ("http://192.168.1.1", "a private address", "192.168.1.1:80"),
        ("http://169.254.169.254/latest", "a link-local address", "169.254.169.254:80"),
        ("http://[::1]:9000/", "a loopback address", "[::1]:9000"),
        ("http://[fd00::1]/", "a private address", "[fd00::1]:80"),
        ("http://[::ffff:10.0.0.1]/", "a private address", "[::ffff:10.0.0.1]:80"),
        ("http://0.0.0.0:9000/", "an address of this host", "0.0.0.0:9000"),
    ],
)
def test_bad_input_56_a_private_receiver_is_refused_until_it_is_listed(
    load: Load, problems: Problems, url: str, kind: str, entry_of_allow: str
):
    assert problems(entry(url), environ=ENVIRON) == [
        (
            f"{AT}leads to {kind}; name another, or list {entry_of_allow} under egress.allow "
            "if it is meant"
        )
    ]
    load(entry(url, f"egress: {{ allow: ['{entry_of_allow}'] }}"), environ=ENVIRON)


@pytest.mark.parametrize("allowed", ["10.0.0.0/8", "10.0.0.5", "10.0.0.5:443"])
def test_a_private_receiver_may_be_listed(load: Load, allowed: str):
    load(entry("https://10.0.0.5/", f"egress: {{ allow: ['{allowed}'] }}"), environ=ENVIRON)


def test_localhost_may_be_listed_by_its_address(load: Load):
    load(entry("http://localhost:9000/", "egress: { allow: ['127.0.0.1:9000'] }"), environ=ENVIRON)


OWN = "leads back to this daemon, which would be told of its own events; name another"
ALLOW = "egress: { allow: [127.0.0.0/8, '::1', localhost, '0.0.0.0', 192.168.0.0/16] }\n"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://127.0.0.1:8080/webhooks/a", "{}"),
        ("http://localhost:8080/", "{}"),
        ("http://[::1]:8080/", "{ listen: '0.0.0.0:8080' }"),
        ("http://0.0.0.0:8080/", "{ listen: '[::]:8080' }"),
        ("http://127.0.0.1/", "{ listen: 'LOCALHOST:80' }"),
        ("http://192.168.1.2:81/", "{ listen: '192.168.1.2:81' }"),
        ("https://images.example/", "{ publicUrl: 'https://images.example' }"),
        ("https://IMAGES.example:443/webhooks/a", "{ publicUrl: 'https://images.example/' }"),
        ("https://example.com/images", "{ publicUrl: 'https://example.com/images' }"),
        ("https://example.com/images/b/a", "{ publicUrl: 'https://example.com/images' }"),
        ("https://xn--bcher-kva.example/", "{ publicUrl: 'https://bücher.example' }"),
    ],
)
def test_bad_input_56_the_daemon_is_not_told_of_its_own_events(
    problems: Problems, url: str, server: str
):
    files = entry(url, f"server: {server}\n{ALLOW}")
    assert problems(files, environ=ENVIRON) == [f"{AT}{OWN}"]


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://127.0.0.1:9000/", "{}"),
        ("http://192.168.1.2:8080/", "{}"),
        ("http://127.0.0.1:8080/", "{ listen: '192.168.1.2:8080' }"),
        ("http://127.0.0.1:8080/", "{ listen: '127.0.0.1:0' }"),
        ("http://images.example/", "{ publicUrl: 'https://images.example' }"),
        ("https://example.com/images2", "{ publicUrl: 'https://example.com/images' }"),
        ("https://example.com/", "{ publicUrl: 'https://example.com/images' }"),
        ("https://example.com/", f"{{ publicUrl: 'https://{'ü' * 70}.example' }}"),
    ],
)
def test_neighbours_of_the_daemon_may_be_told(load: Load, url: str, server: str):
    load(entry(url, f"server: {server}\n{ALLOW}"), environ=ENVIRON)


def test_what_the_api_is_told_is_judged_alike():
    settings = Settings()
    assert settings.target_refusal("http://127.0.0.1:8080/") == OWN
    assert settings.target_refusal("https://example.com/") is None
    with pytest.raises(ValueError, match="must be a URL"):
        settings.target_refusal("ftp://example.com/")


def test_a_public_url_is_no_secret(problems: Problems):
    (found,) = problems({FILE: "server: { publicUrl: '${env:URL}' }"}, environ=ENVIRON)
    assert found.startswith(f"{FILE}:1:22: server.publicUrl: {NO_URL}")


@pytest.mark.parametrize("secret", ["secret: whsec_no", "secrets: [whsec_no]"])
def test_a_malformed_secret_is_an_error(problems: Problems, secret: str):
    text = f"webhooks: [{{ uid: a, event: '*', targetUrl: 'https://h', {secret} }}]"
    found = problems({FILE: text})
    assert [each for each in found if "begins with whsec_, but what follows is no base64" in each]
