"""Whether an inbound trigger proves that it comes from somebody who knows a secret (contract B.10).

Signatures are verified on the raw bytes, spelled exactly as the senders spell them. Everything that
a request presents is tried with every secret, with no way out before the end, and a hook that does
not exist costs what one with a secret costs: neither time nor answer tells strangers anything.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from repaintd.core.signing import (
    pictify_digest,
    sign_plain,
    standard_key,
    standard_signature,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Auth = Literal["signature", "token", "none"]
Reason = Literal["no_signature", "bad_signature", "stale", "too_many", "malformed_id"]

TOLERANCE_SECONDS: Final = 300.0
MAX_SIGNATURES: Final = 10
"""In one header."""

_HEADER_CHARACTERS: Final = 2_048
_TOKEN_CHARACTERS: Final = 65_536  # what a secret may have; the listener's limit is far lower
_PLAIN: Final = ("x-webhook-signature", "x-hub-signature-256")
_PICTIFY: Final = "x-pictify-signature"
_STANDARD: Final = "webhook-signature"
_STANDARD_ID: Final = "webhook-id"
_STANDARD_TIME: Final = "webhook-timestamp"
_SIGNATURES: Final = (*_PLAIN, _PICTIFY, _STANDARD)
_TOKEN: Final = "x-gitlab-token"  # noqa: S105 (the header's name)
_AUTHORIZATION: Final = "authorization"
# Not X-Gitlab-Event-UUID: events that an event led to share it, and one of them would be lost.
_DELIVERIES: Final = ("x-github-delivery", "x-gitea-delivery", "idempotency-key")
_EVENTS: Final = ("x-github-event", "x-gitea-event", "x-gogs-event")

_ID: Final = re.compile(r"[!-~]{1,256}")
_TIME: Final = re.compile(r"[1-9][0-9]{0,11}")
_PICTIFY_FORM: Final = re.compile(rf"t=({_TIME.pattern})((?:,v[0-9]=[0-9a-f]+)+)")

_DUMMY: Final = "no secret at all"
_LEAST_KEYS: Final = 2  # so that a change of secrets does not show either


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A trigger is authentic.

    Attributes:
        seen: ids under which it must not be accepted again for this binding: of all its proofs, so
            that nobody replays it with one header less. Empty where the sender gave none.
    """

    seen: tuple[str, ...] = ()


class ProofRefused(ValueError):
    """A trigger does not prove itself. Strangers get one answer, whatever the reason.

    Attributes:
        reason: for metrics and logs. `malformed_id` alone may be answered differently (400): it is
            found before any secret is looked at.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], auth: Auth, now: float
) -> Proof:
    """Accept a trigger, or refuse it.

    Args:
        headers: by lower-case name; those that were sent twice are joined, and then fit no form.
        body: the raw bytes.
        secrets: their values, newest first; none where there is no such hook (as `signature`), or
            none has a value now: that is refused after the same work.
        auth: what the binding asks for.
        now: seconds since the epoch.

    Raises:
        ProofRefused: it proves nothing.
    """
    _check_ids(headers)
    if auth == "none":
        return Proof(seen=tuple(_delivery_ids(headers)))
    _check_sizes(headers)
    # The way that is not asked for is gone as well, with no key that counts: see above.
    signatures = _Signatures(headers, body, now)
    signatures.try_all(_keys(secrets if auth == "signature" else ()))
    token = _token_matches(headers, _keys(secrets if auth == "token" else ()))
    if signatures.uncovered or token:
        signatures.seen.extend(_delivery_ids(headers))
    if signatures.valid or token:
        return Proof(seen=tuple(dict.fromkeys(signatures.seen)))
    raise ProofRefused(_reason(headers, auth, stale=signatures.stale))


def is_ping(headers: Mapping[str, str]) -> bool:
    """Whether a forge only tries out whether somebody listens, and nothing has happened."""
    return any(headers.get(name) == "ping" for name in _EVENTS)


@dataclass(frozen=True, slots=True)
class _Key:
    """A secret to try; those that do not *count* are tried for the time it takes."""

    secret: str
    counts: bool = True


def _keys(secrets: Sequence[str]) -> list[_Key]:
    keys = [_Key(secret) for secret in secrets if secret]
    return keys + [_Key(_DUMMY, counts=False)] * (_LEAST_KEYS - len(keys))


class _Signatures:
    """The signatures of one request, and what has been found out about them.

    Attributes:
        valid: one is right, and fresh where it tells the time.
        uncovered: one of those says nothing about any id.
        stale: one is right, but its time is not.
        seen: ids that valid signatures cover.
    """

    def __init__(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        self.valid = self.uncovered = self.stale = False
        self.seen: list[str] = []
        self._headers = headers
        self._body = body
        self._now = now

    def try_all(self, keys: Sequence[_Key]) -> None:
        """Try every signature with every key."""
        for key in keys:
            self._try_plain(key)
            self._try_pictify(key)
            self._try_standard(key)

    def _try_plain(self, key: _Key) -> None:
        given = [self._headers[name] for name in _PLAIN if name in self._headers]
        if given:
            expected = sign_plain(key.secret, self._body)
            right = [_same(each, expected) for each in given]
            if any(right) and key.counts:
                self.valid = self.uncovered = True

    def _try_pictify(self, key: _Key) -> None:
        if _PICTIFY not in self._headers:
            return
        time, digests = _pictify_parts(self._headers[_PICTIFY])
        expected = pictify_digest(key.secret, self._body, time)
        right = [_same(each, expected) for each in digests]
        if any(right) and key.counts:
            self._accept(time, f"pictify:{expected}")

    def _try_standard(self, key: _Key) -> None:
        if _STANDARD not in self._headers:
            return
        message_id = self._headers.get(_STANDARD_ID, "")
        time = _time(self._headers.get(_STANDARD_TIME, ""))
        try:
            raw, usable = standard_key(key.secret), key.counts and bool(message_id)
        except ValueError:
            raw, usable = _DUMMY.encode(), False
        expected = standard_signature(raw, message_id, self._body, time)
        given = self._headers[_STANDARD].split(" ")
        right = [_same(each, expected) for each in given if all(given)]
        if any(right) and usable:
            self._accept(time, f"{_STANDARD_ID}:{message_id}")

    def _accept(self, time: str, seen: str) -> None:
        """Take a signature that is right, unless it is too old or too new."""
        if time and abs(self._now - int(time)) <= TOLERANCE_SECONDS:
            self.valid = True
            self.seen.append(seen)
        else:
            self.stale = True


def _pictify_parts(header: str) -> tuple[str, list[str]]:
    """The time as it was written, and the signatures; "" and none where the form is another."""
    found = _PICTIFY_FORM.fullmatch(header)
    if found is None:
        return "", []
    pairs = [pair.partition("=") for pair in found[2].split(",")]
    return found[1], [value for name, _, value in pairs if name == "v1"]


def _time(text: str) -> str:
    """A time in whole seconds as it was written, "" for anything else."""
    return text if _TIME.fullmatch(text) else ""


def _token_matches(headers: Mapping[str, str], keys: Sequence[_Key]) -> bool:
    given = [headers.get(_TOKEN, ""), _bearer(headers.get(_AUTHORIZATION, ""))]
    hashed = [_hashed(each) for each in given]
    found = False
    for key in keys:
        expected = _hashed(key.secret)  # of equal length, whatever the secret's is
        right = [hmac.compare_digest(each, expected) for each in hashed]
        found |= any(right) and key.counts
    return found


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _hashed(text: str) -> bytes:
    return hashlib.sha256(_bytes(text)).digest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _check_ids(headers: Mapping[str, str]) -> None:
    ids = (headers[name] for name in (_STANDARD_ID, *_DELIVERIES) if name in headers)
    if "." in headers.get(_STANDARD_ID, "") or not all(_ID.fullmatch(each) for each in ids):
        raise ProofRefused("malformed_id")  # a dot would end the id in what is signed


def _check_sizes(headers: Mapping[str, str]) -> None:
    """Refuse what only costs time; none of it tells anything about the hook."""
    for name in _SIGNATURES:
        value = headers.get(name, "")
        if len(value) > _HEADER_CHARACTERS:
            raise ProofRefused("too_many")
        if max(value.count(" ") + 1, value.count("v1=")) > MAX_SIGNATURES:
            raise ProofRefused("too_many")
    if any(len(headers.get(name, "")) > _TOKEN_CHARACTERS for name in (_TOKEN, _AUTHORIZATION)):
        raise ProofRefused("too_many")


def _delivery_ids(headers: Mapping[str, str]) -> Iterator[str]:
    """Ids that no signature covers.

    A replayer can change them, but then gains a refresh with data that was true once, no more. An
    honest sender repeats them when it sends again because no answer reached it, and that is the
    common case.
    """
    for name in (_STANDARD_ID, *_DELIVERIES):
        if name in headers:
            yield f"{name}:{headers[name]}"


def _reason(headers: Mapping[str, str], auth: Auth, *, stale: bool) -> Reason:
    if stale:
        return "stale"
    asked = _SIGNATURES if auth == "signature" else (_TOKEN, _AUTHORIZATION)
    return "bad_signature" if any(name in headers for name in asked) else "no_signature"
