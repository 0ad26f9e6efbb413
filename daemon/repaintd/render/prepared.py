"""A template as the workers get it: its files, its name, and what it depends on."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from repaintd.errors import RenderFailed
from repaintd.render.frames import MAIN

if TYPE_CHECKING:
    from repaintd.core.template import Template

INCLUDED: Final = "text/html"
"""Media type of the assets that `{% include %}` and `{% import %}` find, by their path."""

_CLOCK: Final = re.compile(r"\bnow\s*\(|\|\s*timeago\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One template for the workers.

    Attributes:
        key: names the files' content and `strict`.
        title: the template for messages: its path, or its id.
        files: file name → source; the template's own is MAIN.
        size: bytes of all files.
        uses_clock: the output depends on when it is made.
    """

    key: str
    title: str
    strict: bool
    files: dict[str, str] = field(repr=False)
    size: int
    uses_clock: bool


class Preparations:
    """The last *most* templates, prepared; equal fingerprint, equal template."""

    def __init__(self, most: int = 512) -> None:
        self._most = most
        self._known: OrderedDict[tuple[str, str, bool], Prepared] = OrderedDict()

    def get(self, template: Template) -> Prepared:
        """The template, prepared now or before."""
        name = (template.fingerprint, template.id, template.strict)
        found = self._known.get(name) if template.fingerprint else None
        if found is None:
            found = prepare(template)
        if template.fingerprint:
            self._known[name] = found
            self._known.move_to_end(name)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return found


def prepare(template: Template) -> Prepared:
    """Collect what the workers need.

    Raises:
        RenderFailed: `template`, for an engine that is not this one.
    """
    title = template.path or f'template "{template.id}"'
    if template.engine != "jinja":
        raise RenderFailed(
            f'{title}: there is no template engine "{template.engine}" here; write `engine: jinja`',
            reason="template",
        )
    files = files_of(template)
    encoded = [text.encode("utf-8", "replace") for item in sorted(files.items()) for text in item]
    digest = hashlib.blake2b(b"\0".join(encoded), digest_size=12)
    return Prepared(
        key=f"{'strict' if template.strict else 'lenient'}-{digest.hexdigest()}",
        title=title,
        strict=template.strict,
        files=files,
        size=sum(map(len, encoded)),
        uses_clock=any(_CLOCK.search(source) for source in files.values()),
    )


def files_of(template: Template) -> dict[str, str]:
    """The template's markup and its HTML assets, as text that is good UTF-8."""
    included = {
        path: asset.body.decode("utf-8", "replace")
        for path, asset in template.assets.items()
        if asset.media_type.partition(";")[0].strip() == INCLUDED
    }
    markup = template.markup.encode("utf-8", "replace").decode()
    return {**included, MAIN: markup}


def is_time_dependent(template: Template) -> bool:
    """Whether the template asks what time it is: equal variables may give another picture.

    Such a template wants `volatile: true`, or its image stays as old as its data.
    """
    return any(_CLOCK.search(source) for source in files_of(template).values())
