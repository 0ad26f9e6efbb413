"""YAML text → values, by the rules of YAML 1.2 and within budgets.

PyYAML serves as event source only: its own constructors keep no positions, let the last of two
equal keys win, and read `NO` as false. Positions of nodes are found when somebody asks
(`yaml_places`): a file without problems never pays for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from repaintd.config import limits
from repaintd.config.document import Document
from repaintd.config.problem import Path, Problem, dotted
from repaintd.config.yaml_places import LOADER
from repaintd.config.yaml_portions import scannable
from repaintd.config.yaml_scalars import ScalarRefused, plain
from repaintd.config.yaml_syntax import syntax_problem

if TYPE_CHECKING:
    from yaml.error import Mark

_SHARED_CHARACTERS: Final = 64
_LINE_DEPTH: Final = 2
_NO_SUCH_CHARACTER: Final = "has an escape for a character that does not exist; mend it"


class YamlReader:
    """Reads the files of one load: they share one budget and their equal strings."""

    def __init__(self, loader: Any = LOADER) -> None:
        self.loader = loader
        self.plain: dict[str, Any] = {}
        self.quoted: dict[str, str] = {}
        self.nodes = 0
        self.alias_nodes = 0

    def read(self, file: str, text: str) -> tuple[Document | None, list[Problem]]:
        """The document in *text*, or None where a problem keeps it from being read to its end."""
        build = _Build(self, file)
        try:
            value = build.run(text)
        except _Stopped:
            return None, build.problems
        except yaml.YAMLError as error:
            return None, [*build.problems, syntax_problem(file, error, text)]
        return Document(file, text, value, build.lines, self.loader), build.problems


class _Stopped(Exception):
    """The text cannot be read on from here; the problem is noted."""


class _Build:
    """Builds one document by recursive descent; the depth limit keeps the recursion shallow."""

    def __init__(self, reader: YamlReader, file: str) -> None:
        self.problems: list[Problem] = []
        self.lines: dict[int, int] = {}
        self._reader = reader
        self._file = file
        self._plain = reader.plain
        self._quoted = reader.quoted
        self._path: list[str | int] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}

    def run(self, text: str) -> Any:
        """The value of the only document; None for an empty text."""
        source = self._reader.loader(scannable(text))
        self._next = source.get_event
        try:
            return self._document()
        except (ValueError, OverflowError):  # from chr() in PyYAML's own scanner; libyaml has none
            self._note(source.line, source.column, _NO_SUCH_CHARACTER)
            raise _Stopped from None
        finally:
            source.dispose()

    def _document(self) -> Any:
        self._next()  # start of the stream
        if self._next().__class__ is StreamEndEvent:
            return None
        value = self._node(self._next())
        self._next()  # end of the document
        event = self._next()
        if event.__class__ is not StreamEndEvent:
            self._stop(event, "holds a second document; keep one per file, without `---` between")
        return value

    def _node(self, event: Any) -> Any:
        kind = event.__class__
        if kind is AliasEvent:
            return self._alias(event)
        self._reader.nodes += 1
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._refuse(event, f"has the tag {tag}; tags are not allowed, remove it")
        if event.anchor is not None:
            return self._anchored(event, kind)
        return self._scalar(event) if kind is ScalarEvent else self._collection(event, kind)

    def _anchored(self, event: Any, kind: type) -> Any:
        before = self._reader.nodes - 1
        self._anchors[event.anchor] = None
        value = self._scalar(event) if kind is ScalarEvent else self._collection(event, kind)
        self._anchors[event.anchor] = (value, self._reader.nodes - before)
        return value

    def _alias(self, event: Any) -> Any:
        name = event.anchor
        if name not in self._anchors:
            self._stop(event, f"*{name} names an anchor that does not stand above it")
        anchored = self._anchors[name]
        if anchored is None:
            self._stop(event, f"*{name} stands inside what it names; write it out")
        value, nodes = anchored
        self._reader.nodes += nodes
        self._reader.alias_nodes += nodes
        if self._reader.alias_nodes > limits.YAML_ALIAS_NODES:
            most = f"{limits.YAML_ALIAS_NODES:,}"
            self._stop(event, f"aliases stand for more than {most} values; write fewer of them")
        return value

    def _collection(self, event: Any, kind: type) -> Any:
        if len(self._path) >= limits.YAML_DEPTH:
            self._stop(event, f"is nested more than {limits.YAML_DEPTH} deep; make it flatter")
        if self._reader.nodes > limits.YAML_NODES:
            most = f"{limits.YAML_NODES:,}"
            self._stop(event, f"brings all files to more than {most} values; that is too many")
        return self._mapping(event) if kind is MappingStartEvent else self._sequence()

    def _mapping(self, start: Any) -> dict[str, Any]:
        path, following, node = self._path, self._next, self._node
        result: dict[str, Any] = {}
        marks: list[Mark] = []
        if len(path) <= _LINE_DEPTH:
            self.lines[id(result)] = start.start_mark.line + 1
        path.append("")
        while (event := following()).__class__ is not MappingEndEvent:
            key = self._key(event)
            value = node(following())
            if key in result:
                self._duplicate(event, marks[list(result).index(key)])
            else:
                result[key] = value
                marks.append(event.start_mark)
        path.pop()
        return result

    def _sequence(self) -> list[Any]:
        path, following, node = self._path, self._next, self._node
        result: list[Any] = []
        path.append(0)
        while (event := following()).__class__ is not SequenceEndEvent:
            result.append(node(event))
            path[-1] = len(result)
        path.pop()
        return result

    def _key(self, event: Any) -> str:
        if event.__class__ is not ScalarEvent:
            self._path.pop()
            self._stop(event, "has a key that is not plain text; write the key out")
        text: str = event.value
        self._path[-1] = text
        if event.anchor is not None or event.tag is not None:
            self._refuse(event, "has a key with an anchor or a tag; write the key alone")
        if text == "<<" and event.implicit[0]:
            message = "merge keys (<<) are not in YAML 1.2; write the keys out, or alias each value"
            self._refuse(event, message)
        return self._text(event, text)

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if not event.implicit[0]:
            return self._text(event, text)
        try:
            return self._plain[text]
        except KeyError:
            return self._plain_value(event, text)

    def _plain_value(self, event: Any, text: str) -> Any:
        try:
            value = plain(text)
        except ScalarRefused as refused:
            self._refuse(event, str(refused))
            return None
        if len(text) <= _SHARED_CHARACTERS:
            self._plain[text] = value
        else:
            self._reader.nodes += len(text) // _SHARED_CHARACTERS
        return value

    def _text(self, event: Any, text: str) -> str:
        if not text.isascii():
            self._check_characters(event, text)
        if len(text) <= _SHARED_CHARACTERS:
            return self._quoted.setdefault(text, text)
        # Aliases of a long text stand for as many values as their text is worth.
        self._reader.nodes += len(text) // _SHARED_CHARACTERS
        return text

    def _check_characters(self, event: Any, text: str) -> None:
        try:
            text.encode()
        except UnicodeEncodeError:
            self._refuse(event, "holds half of a surrogate pair (\\ud800 to \\udfff); remove it")

    def _duplicate(self, event: Any, first: Mark) -> None:
        self._refuse(event, f"is given twice, first on line {first.line + 1}; remove one of them")

    def _refuse(self, event: Any, message: str) -> None:
        self._note(event.start_mark.line, event.start_mark.column, message)

    def _stop(self, event: Any, message: str) -> NoReturn:
        self._refuse(event, message)
        raise _Stopped

    def _note(self, line: int, column: int, message: str) -> None:
        path: Path = tuple(self._path)
        self.problems.append(
            Problem(
                file=self._file,
                line=line + 1,
                column=column + 1,
                path=dotted(path),
                message=message,
            )
        )
