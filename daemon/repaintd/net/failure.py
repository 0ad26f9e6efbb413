"""aiohttp's exceptions in the words of HttpFailed; of a URL, messages show the origin only."""

from __future__ import annotations

import os
import re
import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp

from repaintd.errors import HttpFailed
from repaintd.net.guard import EgressRefused, OwnRefused

if TYPE_CHECKING:
    from repaintd.net.target import Target


def failure_of(exc: Exception, target: Target, seconds: float) -> HttpFailed:
    """What went wrong with one exchange. *seconds* is the limit for all of it."""
    refusal = _refusal(exc)
    if refusal is not None:
        return HttpFailed(
            f"{target.origin}: the host {refusal}; {_way_out(refusal, target)}",
            reason="egress_denied",
        )
    if target.scheme == "https" and _broke_off_handshake(exc):
        return HttpFailed(
            f"{target.origin}: no TLS connection: the other side broke off the handshake, "
            "as one does that knows no TLS 1.2",
            reason="tls",
        )
    for kinds, reason, words in _TABLE:
        if isinstance(exc, kinds):
            detail = words.format(seconds=seconds, detail=_detail(exc))
            return HttpFailed(f"{target.origin}: {detail}", reason=reason)
    return HttpFailed(f"{target.origin}: the request cannot be sent", reason="protocol")


# The first row that fits; aiohttp's own tree crosses ours, so the order matters.
_TABLE: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
    ((TimeoutError,), "timeout", "no whole answer within {seconds:g} s"),
    ((aiohttp.ClientConnectorDNSError,), "dns", "the host name cannot be resolved: {detail}"),
    ((aiohttp.ClientConnectorCertificateError,), "tls", "the certificate is not good: {detail}"),
    ((aiohttp.ClientSSLError, ssl.SSLError), "tls", "no TLS connection: {detail}"),
    ((aiohttp.ClientConnectorError,), "network", "cannot connect: {detail}"),
    ((aiohttp.ClientPayloadError,), "truncated", "the body broke off before its end"),
    ((aiohttp.ServerDisconnectedError,), "network", "the connection was closed without an answer"),
    ((aiohttp.ClientOSError, OSError), "network", "the connection broke: {detail}"),
    ((aiohttp.ClientResponseError,), "protocol", "the answer is not valid HTTP: {detail}"),
    ((aiohttp.InvalidURL,), "url", "the URL cannot be used"),
    ((aiohttp.ClientConnectionError,), "network", "the connection broke"),
)


def _way_out(refusal: EgressRefused, target: Target) -> str:
    if isinstance(refusal, OwnRefused):
        return "nothing is sent there: give the address of another program"
    listed = target.origin.partition("://")[2]
    return f'if that is meant, list "{listed}" under egress.allow in repaintd.yaml'


def _refusal(exc: Exception) -> EgressRefused | None:
    cause = exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc
    return cause if isinstance(cause, EgressRefused) else None


def _broke_off_handshake(exc: Exception) -> bool:
    """Connecting itself cannot be reset, only what comes between it and the request."""
    return isinstance(exc, aiohttp.ClientConnectorError) and isinstance(
        exc.os_error, ConnectionResetError
    )


def _detail(exc: Exception) -> str:
    """The system's words for it: `Connection refused`, `certificate has expired`."""
    inner: BaseException = exc
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        inner = exc.certificate_error
    elif isinstance(exc, aiohttp.ClientConnectorError):
        inner = exc.os_error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return inner.verify_message
    if isinstance(inner, ssl.SSLError):
        return (getattr(inner, "reason", None) or "handshake failed").replace("_", " ").lower()
    if isinstance(inner, aiohttp.ClientResponseError):
        # the parser's words, without the bytes that it quotes behind them
        return re.split(r"[:\n(]", inner.message, maxsplit=1)[0].strip()[:80].lower()
    if isinstance(inner, socket.gaierror):
        return str(inner.strerror)
    if isinstance(inner, OSError) and inner.errno:
        return os.strerror(inner.errno)  # asyncio's own words quote the address
    return type(inner).__name__
