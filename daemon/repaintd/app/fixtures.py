"""Recorded documents of sources, `fixtures/<uid>.json` in the configuration directory.

`check` maps each of them as the daemon would, and so finds a mistaken path before the daemon does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from repaintd.app.places import Places
from repaintd.config import Problem
from repaintd.config.files import FileRefused, Tree, read_file
from repaintd.config.problem import Report, shortened
from repaintd.config.wording import did_you_mean
from repaintd.core.mapping import EMPTY, IN_PATH, map_document
from repaintd.core.template import MISSING
from repaintd.errors import MapFailed, RepaintdError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from repaintd.app.configure import Loaded
    from repaintd.core.binding import Binding
    from repaintd.core.state import Fallback
    from repaintd.core.template import Template

FOLDER: Final = "fixtures"
SUFFIX: Final = ".json"
MOST_BYTES: Final = 5 * 1024 * 1024


class FixtureRefused(RepaintdError):
    """A fixture that cannot be used; the message says why.

    Attributes:
        line: from 1, as is `column`.
    """

    def __init__(self, message: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def read_fixture(directory: Path, uid: str, most: int = MOST_BYTES) -> Any:
    """The recorded document of a binding, MISSING where there is none; blocks.

    Args:
        directory: the configuration directory.
        uid: the binding's.
        most: bytes; a larger file is refused.

    Raises:
        FixtureRefused: there is one, but it is no JSON, too large, or cannot be read.
    """
    return _read(Tree(directory), f"{FOLDER}/{uid}{SUFFIX}", most)


def fixture_names(directory: Path, report: Report | None = None) -> list[str]:
    """The uids that fixtures are there for, sorted; *report* is told what cannot be read."""
    tree, told = Tree(directory), Report() if report is None else report
    try:
        folder = tree.entry(FOLDER)
    except FileRefused as refused:
        told.add(Problem(file=FOLDER, message=str(refused)))
        return []
    files = () if folder is None else tree.listing(folder, told)
    return [
        entry.name.removesuffix(SUFFIX)
        for entry, is_folder in files
        if not is_folder and entry.name.endswith(SUFFIX)
    ]


def check_fixtures(loaded: Loaded) -> list[Problem]:
    """What the fixtures tell of mappings, and what is wrong with fixtures themselves; blocks."""
    configuration = loaded.configuration
    report, places = Report(), Places(configuration.directory)
    tree = Tree(configuration.directory)
    for uid in fixture_names(configuration.directory, report):
        file = f"{FOLDER}/{uid}{SUFFIX}"
        binding = configuration.bindings.get(uid)
        if binding is None:
            report.add(_stray(file, uid, loaded))
            continue
        try:
            document = _read(tree, file, configuration.settings.refresh.max_bytes)
        except FixtureRefused as refused:
            report.add(
                Problem(file=file, line=refused.line, column=refused.column, message=str(refused))
            )
            continue
        template = loaded.templates[binding.template_id]
        report.extend(_mapped(binding, template, document, places))
    return list(report.problems())


def _read(tree: Tree, file: str, most: int) -> Any:
    try:
        entry = tree.entry(file)
        if entry is None:
            return MISSING
        return orjson.loads(read_file(entry.real, most))
    except FileRefused as refused:
        raise FixtureRefused(str(refused)) from refused
    except orjson.JSONDecodeError as error:
        raise FixtureRefused(
            f"is no JSON: {error.msg}; record it anew", line=error.lineno, column=error.colno
        ) from error


def _stray(file: str, uid: str, loaded: Loaded) -> Problem:
    hint = did_you_mean(uid, loaded.configuration.bindings)
    message = f"there is no binding {shortened(uid)};{hint} rename the file, or remove it"
    return Problem(file=file, message=message, severity="warning")


def _mapped(
    binding: Binding, template: Template, document: Any, places: Places
) -> Iterator[Problem]:
    try:
        mapped = map_document(binding, replace(template, strict=False), document)
    except MapFailed as failed:
        message = f"cannot be mapped from {FOLDER}/{binding.uid}{SUFFIX}: {failed}"
        yield places.problem(binding, ("mapping",), message, key=True, severity="error")
        return
    for fallback in mapped.fallbacks:
        if fallback.path.strip():
            yield from _unmatched(binding, template, fallback, places)


def _unmatched(
    binding: Binding, template: Template, fallback: Fallback, places: Places
) -> Iterator[Problem]:
    fails = template.strict and fallback.used == EMPTY
    is_null = fallback.reason == f'path "{fallback.path}" is null'
    if not fails and (is_null or fallback.used == IN_PATH):
        return  # the source gives nothing here, or the path itself says what to do then
    then = "its strict template then fails" if fails else f"used instead: {fallback.used}"
    yield places.problem(
        binding,
        ("mapping", fallback.variable),
        f"{fallback.reason}, in {FOLDER}/{binding.uid}{SUFFIX}; {then}",
        severity="error" if fails else "warning",
    )
