"""Secret references inside texts: `${env:NAME}`, `${file:/path}`, `${credential:name}`.

They are resolved where the text is used, and never written back: files in Git hold references only.
`$${` stands for a plain `${`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from repaintd.config import limits
from repaintd.config.files import FileRefused, read_file
from repaintd.config.problem import shortened
from repaintd.core.secret import Secret
from repaintd.errors import SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["env", "file", "credential"]

_MARK: Final = "${"
_TOKEN: Final = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)\}|\$\{")
_REFERENCE: Final = re.compile(
    r"(?P<env>env):(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<file>file):(?P<path>/[^\x00-\x1f\x7f]+)"
    r"|(?P<credential>credential):(?P<id>(?!\.{1,2}$)[A-Za-z0-9._@:-]{1,255})"
)
_FORMS: Final = "write ${env:NAME}, ${file:/path} or ${credential:name}, or $${ for a plain ${"


class ReferenceRefused(ValueError):
    """A `${` that begins no reference; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is kept: a variable's name, a file's path, or a credential's name."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"


class SecretResolver:
    """Replaces the references in a text by what they stand for, at every call anew."""

    def __init__(
        self, environ: Mapping[str, str], credentials_directory: Path | None = None
    ) -> None:
        self._environ = environ
        self._credentials = credentials_directory

    def __call__(self, text: str) -> Secret:
        """The text with its secrets in it.

        Raises:
            SecretUnavailable: one of them has no value now; names the reference and what to do.
        """
        if _MARK not in text:
            return Secret(text)
        try:
            return Secret(_TOKEN.sub(self._replacement, text))
        except ReferenceRefused as refused:
            raise SecretUnavailable(str(refused)) from None

    def value(self, reference: Reference) -> str:
        """What *reference* stands for; never empty.

        Raises:
            SecretUnavailable: it has no value now.
        """
        if reference.kind == "env":
            return self._of_environment(reference)
        if reference.kind == "file":
            return _of_file(reference, reference.name)
        if self._credentials is None:
            raise SecretUnavailable(
                f"{reference} has no value: there is no credentials directory; run under systemd "
                f"with LoadCredential={reference.name}:/path, or set $CREDENTIALS_DIRECTORY"
            )
        return _of_file(reference, str(self._credentials / reference.name))

    def _replacement(self, match: re.Match[str]) -> str:
        reference = _reference(match)
        return _MARK if reference is None else self.value(reference)

    def _of_environment(self, reference: Reference) -> str:
        value = self._environ.get(reference.name)
        if not value:
            what = "not set" if value is None else "empty"
            raise SecretUnavailable(
                f"{reference} has no value: the variable is {what}; set it for the daemon"
            )
        return value


def secret_resolver(environ: Mapping[str, str]) -> SecretResolver:
    """Resolves references by *environ*, credentials in systemd's $CREDENTIALS_DIRECTORY."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    return SecretResolver(environ, Path(directory) if directory else None)


def references(text: str) -> tuple[Reference, ...]:
    """The references in *text*, in order.

    Raises:
        ReferenceRefused: a `${` that begins none.
    """
    if _MARK not in text:
        return ()
    found = (_reference(match) for match in _TOKEN.finditer(text))
    return tuple(reference for reference in found if reference is not None)


def _reference(match: re.Match[str]) -> Reference | None:
    """The reference that was matched, None for an escaped `${`."""
    if match[0] == "$${":
        return None
    if match["inside"] is None:
        raise ReferenceRefused(f"holds a ${{ without its }}; {_FORMS}")
    found = _REFERENCE.fullmatch(match["inside"])
    if found is None:
        # Only the word before the colon is shown: the rest may be a secret in the wrong place.
        word = shortened(match["inside"].partition(":")[0]) if ":" in match["inside"] else ""
        raise ReferenceRefused(f"holds ${{{word}…}}, which is no secret reference; {_FORMS}")
    if found["env"]:
        return Reference("env", found["name"])
    if found["file"]:
        return Reference("file", found["path"])
    return Reference("credential", found["id"])


def _of_file(reference: Reference, path: str) -> str:
    try:
        body = read_file(os.path.realpath(path), limits.SECRET_BYTES)
        text = body.decode()
    except FileRefused as refused:
        raise SecretUnavailable(f"{reference} has no value: the file {refused}") from refused
    except UnicodeDecodeError:
        raise SecretUnavailable(
            f"{reference} has no value: the file is not UTF-8 text; write it anew"
        ) from None
    text = text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")
    if not text:
        raise SecretUnavailable(f"{reference} has no value: the file is empty; fill it")
    return text
