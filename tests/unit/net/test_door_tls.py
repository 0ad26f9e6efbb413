from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import warnings

import pytest

from repaintd.errors import HttpFailed
from repaintd.plugin import HttpRequest

OPENSSL = shutil.which("openssl")
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(directory, *arguments):
    """Run openssl in *directory*; whether it could."""
    done = subprocess.run(  # noqa: S603 - the test's own arguments
        [OPENSSL, *arguments], cwd=directory, capture_output=True, check=False
    )
    return done.returncode == 0


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, directory):
        self.directory = directory
        self.file = directory / "ca.pem"
        made = openssl(
            directory,
            *("req", "-x509", *CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2"),
            *("-subj", "/CN=Test authority", "-addext", "keyUsage=critical,keyCertSign"),
        )
        assert made

    def server(self, name, *, validity=("-days", "1"), sign=True, **versions):
        """A server's context with a certificate for *name* and for 127.0.0.1."""
        subject = ("-keyout", "key", "-subj", "/CN=test", "-addext")
        names = f"subjectAltName=DNS:{name},IP:127.0.0.1"
        if sign:
            openssl(self.directory, "req", "-new", *CURVE, *subject, names, "-out", "request")
            (self.directory / "extensions").write_text(names)
            made = openssl(
                self.directory,
                *("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key"),
                *("-CAcreateserial", "-extfile", "extensions", "-out", "certificate", *validity),
            )
        else:
            made = openssl(
                self.directory, "req", "-x509", *CURVE, *subject, names, "-out", "certificate"
            )
        if not made:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.directory / "certificate", self.directory / "key")
        with warnings.catch_warnings():  # old versions are deprecated, which is the point
            warnings.simplefilter("ignore", DeprecationWarning)
            for attribute, value in versions.items():
                setattr(context, attribute, value)
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    if OPENSSL is None:
        pytest.skip("needs the openssl command")
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def ask(serve, open_with, stub_resolver, response, authority):
    """Serve with a TLS context and ask by a name; the status."""

    async def exchange(context, name="good.test", *, trusted=True):
        server = await serve(response(b"{}"), ssl=context)
        door = await open_with(
            ["good.test", "127.0.0.1"],
            resolver=stub_resolver("127.0.0.1"),
            ca_file=authority.file if trusted else None,
        )
        request = HttpRequest(url=f"https://{name}:{server.port}/?key=hunter2")
        return (await door.request(request)).status, server

    return exchange


@pytest.mark.parametrize("name", ["good.test", "good.test.", "GOOD.test", "127.0.0.1"])
async def test_a_good_certificate_is_accepted(ask, authority, name):
    status, _ = await ask(authority.server("good.test"), name)
    assert status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken(ask, authority, version):
    context = authority.server("good.test", maximum_version=version, minimum_version=version)
    assert (await ask(context))[0] == 200


async def refused(ask, *arguments, **options):
    with pytest.raises(HttpFailed) as caught:
        await ask(*arguments, **options)
    assert caught.value.reason == "tls"
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


async def test_bad_input_37_an_unknown_authority_is_refused(ask, authority):
    message = await refused(ask, authority.server("good.test"), trusted=False)
    assert "the certificate is not good: unable to get local issuer certificate" in message


async def test_bad_input_37_a_self_signed_certificate_is_refused(ask, authority):
    message = await refused(ask, authority.server("good.test", sign=False))
    assert "self-signed certificate" in message


async def test_bad_input_37_an_expired_certificate_is_refused(ask, authority):
    past = ("-not_before", "20200101000000Z", "-not_after", "20200102000000Z")
    context = authority.server("good.test", validity=("-days", "-1")) or authority.server(
        "good.test", validity=past
    )
    assert "certificate has expired" in await refused(ask, context)


async def test_bad_input_37_a_certificate_for_another_host_is_refused(ask, authority):
    message = await refused(ask, authority.server("other.test"))
    assert "Hostname mismatch" in message


async def test_bad_input_37_a_name_rule_does_not_weaken_verification(ask, authority):
    assert await refused(ask, authority.server("other.test"), "good.test")


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
async def test_bad_input_37_tls_before_1_2_is_refused(ask, authority, version):
    version = ssl.TLSVersion[version]
    context = authority.server("good.test", minimum_version=version, maximum_version=version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    await refused(ask, context)


async def test_bad_input_37_plain_http_behind_https_is_a_tls_failure(door):
    async def plain(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(HttpFailed) as caught:
            await door.request(HttpRequest(url=f"https://127.0.0.1:{port}/"))
    assert caught.value.reason == "tls"


async def test_an_https_connection_is_kept_too(serve, open_with, response, authority):
    server = await serve(response(b"{}"), ssl=authority.server("good.test"))
    door = await open_with(["127.0.0.1"], ca_file=authority.file)
    for _ in range(3):
        await door.request(HttpRequest(url=f"https://127.0.0.1:{server.port}/"))
    assert server.connections == 1


async def test_bad_input_32_https_is_never_given_up_for_http(serve, open_with, authority):
    plain = await serve()
    location = f"HTTP/1.1 301 Moved\r\nLocation: {plain.url}\r\nContent-Length: 0\r\n\r\n"
    server = await serve(location.encode(), ssl=authority.server("good.test"))
    door = await open_with(["127.0.0.1"], ca_file=authority.file)
    with pytest.raises(HttpFailed, match="gives up encryption") as caught:
        await door.request(HttpRequest(url=f"https://127.0.0.1:{server.port}/"))
    assert (caught.value.reason, plain.connections) == ("redirect", 0)
