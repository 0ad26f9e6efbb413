"""The Bearer keys of the API: those of `server.apiKeys`, else one that the daemon makes itself.

The daemon's own key lies in a file in the state directory that its user alone can read, so that
whoever may read the daemon's state may also give it orders, and nobody else.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import hmac
import os
import re
import secrets
import stat
from typing import TYPE_CHECKING, Any, Final

from repaintd.config import secret_resolver
from repaintd.config.settings import ServerSettings
from repaintd.core.secret import Secret
from repaintd.errors import RepaintdError, SecretUnavailable, StartupFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from repaintd.config import Configuration

FILE: Final = "api-key"
"""In the state directory."""

_PREFIX: Final = "rpd_"
_RANDOM_BYTES: Final = 32
_MOST_BYTES: Final = 1_024
_OTHERS: Final = 0o077
_FORM: Final = re.compile(r"[!-~]{16,}")
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Keys:
    """The keys that open the API. Only their digests are kept."""

    __slots__ = ("_digests",)

    def __init__(self, keys: Iterable[Secret]) -> None:
        self._digests = tuple(_digest(key.reveal()) for key in keys)

    def matches(self, token: str) -> bool:
        """Whether *token* is one of them: all are compared, in constant time."""
        given, found = _digest(token), False
        for each in self._digests:
            found |= hmac.compare_digest(given, each)
        return found

    def __repr__(self) -> str:
        return f"Keys({len(self._digests)})"


def open_keys(
    settings_api_keys: Sequence[str],
    state_path: Path,
    resolve: Callable[[str], Secret],
    log: Any,
) -> Keys:
    """The configured keys that have a value now; without any, the daemon's own. Blocks.

    Args:
        settings_api_keys: `server.apiKeys`, references mostly.
        state_path: the state directory; it exists, and is this daemon's alone.
        resolve: puts values in place of references.
        log: told which keys are left out, and where the daemon's own lies.

    Raises:
        StartupFailed: the daemon's own key can be neither read nor made; says what to do.
    """
    found = list(_configured(settings_api_keys, resolve, log))
    return Keys(found or [_own(state_path / FILE, log)])


def find_key(configuration: Configuration, environ: Mapping[str, str]) -> Secret | None:
    """A key that the daemon of *configuration* takes, for a command; None where there is none yet.

    Raises:
        RepaintdError: there is one that this user cannot read; says what to do.
    """
    resolve = secret_resolver(environ)
    for text in configuration.settings.server.api_keys:
        with contextlib.suppress(SecretUnavailable):
            return resolve(text)
    path = configuration.state_path / FILE
    try:
        key = _read(path, None)
    except (OSError, _NoKey) as exc:
        raise RepaintdError(
            f"the daemon's API key {path} cannot be read: {_cause(exc)}; "
            "run this as the daemon's user, or set REPAINTD_API_KEY to one of its keys"
        ) from exc
    return key


class _NoKey(Exception):
    """What lies in the key's place is none; the message says what it is."""


def _configured(
    texts: Sequence[str], resolve: Callable[[str], Secret], log: Any
) -> Iterable[Secret]:
    unsaid = ServerSettings().api_keys  # nobody wrote these, nobody misses them
    for text in texts:
        try:
            yield resolve(text)
        except SecretUnavailable as unavailable:
            if text not in unsaid:
                log.warning("an API key of server.apiKeys is left out", error=str(unavailable))


def _own(path: Path, log: Any) -> Secret:
    try:
        key = _read(path, log)
    except (OSError, _NoKey) as exc:
        raise StartupFailed(
            f"the API key {path} cannot be used: {_cause(exc)}; remove it, then the daemon makes "
            "a new one, or set server.apiKeys"
        ) from exc
    if key is None:
        try:
            key = _make(path)
        except OSError as exc:
            raise StartupFailed(
                f"an API key cannot be written to {path}: {_cause(exc)}; let the daemon's user "
                "write there, or set server.apiKeys"
            ) from exc
    log.info("API calls need the key in this file, as `Authorization: Bearer`", file=str(path))
    return key


def _read(path: Path, log: Any | None) -> Secret | None:
    """The key in the file, None where there is no file.

    With a *log*, a file that others can read is mended.
    """
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _NoKey("it is no file")
        if log is not None and found.st_mode & _OTHERS:
            os.fchmod(descriptor, 0o600)
            log.warning(
                "other users could read the API key until now; remove it and restart for a new one",
                file=str(path),
            )
        text = os.read(descriptor, _MOST_BYTES).decode("ascii", "replace").removesuffix("\n")
    finally:
        os.close(descriptor)
    if not _FORM.fullmatch(text):
        raise _NoKey("it holds no key, which is one line of 16 visible characters or more")
    return Secret(text)


def _make(path: Path) -> Secret:
    """Write a new key beside *path*, then give it its name: no crash leaves half of one."""
    key = f"{_PREFIX}{secrets.token_urlsafe(_RANDOM_BYTES)}"
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, _CREATE, 0o600)
    try:
        os.write(descriptor, f"{key}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return Secret(key)


def _cause(exc: OSError | _NoKey) -> str:
    if isinstance(exc, _NoKey):
        return str(exc)
    if exc.errno == errno.ELOOP:
        return "it is a symbolic link"
    return exc.strerror or type(exc).__name__


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
