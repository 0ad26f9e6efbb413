"""What the images of a plan are drawn from: recorded data, never a source that is asked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from repaintd.app.fixtures import FOLDER, SUFFIX, FixtureRefused, read_fixture
from repaintd.config import StaticSpec
from repaintd.core.mapping import EMPTY, map_document, mapping_fingerprint
from repaintd.core.template import MISSING
from repaintd.errors import MapFailed, RepaintdError, StoreUnavailable
from repaintd.store import read_document, read_states

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from repaintd.app.configure import Loaded
    from repaintd.core.binding import Binding
    from repaintd.core.state import BindingState
    from repaintd.core.template import Template

STATIC_DATA: Final = "its static data"
PUSHED_DATA: Final = "data pushed to the daemon"
LAST_DATA: Final = "the daemon's last data"
DEFAULTS: Final = "defaults"
UNPUSHED: Final = "defaults, as nothing was pushed yet"
_PUSHED: Final = "webhook"


class NothingRecorded(RepaintdError):
    """There is nothing that an image could be drawn from; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What one image is drawn from.

    Attributes:
        origin: where it comes from, in words.
        missing: names of variables that found nothing in it and have no default.
    """

    variables: Mapping[str, Any] = field(repr=False)
    origin: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """A recorded document, and where it comes from."""

    value: Any = field(repr=False)
    origin: str


class Recordings:
    """Finds recorded data for both sides of a plan.

    Static data stands in the binding itself. For others: a fixture of the new configuration, else
    one of the old; what the daemon left (pushed data, else variables while the mapping is the
    same); the defaults, where they say all.

    Args:
        after: the new configuration; its state directory is where a daemon left its data.
        before: the old one; None where its files are not at hand.
        states: what the daemon remembers, by uid.
        daemon_first: what the daemon has goes before fixtures: the image to compare with was
            drawn from it.
    """

    def __init__(
        self,
        after: Loaded,
        before: Loaded | None,
        states: Mapping[str, BindingState],
        *,
        daemon_first: bool = False,
    ) -> None:
        self._after = after
        self._before = before
        self._states = states
        self._daemon_first = daemon_first

    async def of(self, loaded: Loaded, uid: str, *, own: bool = False) -> Recorded:
        """For the binding as *loaded* has it.

        Args:
            loaded: one of the two sides.
            uid: the binding's.
            own: its own fixture goes first: the sides ask for different documents.

        Raises:
            NothingRecorded: there is nothing.
            MapFailed: there is something, but it cannot be mapped.
        """
        binding = loaded.configuration.bindings[uid]
        template = loaded.templates[binding.template_id]
        spec = binding.source.spec
        if isinstance(spec, StaticSpec):
            value = {} if spec.static_data is None else spec.static_data
            return _mapped(binding, template, _Document(value=value, origin=STATIC_DATA))
        found = await self._recorded(loaded, binding, template, own=own)
        return found or _defaults(binding, template)

    async def _recorded(
        self, loaded: Loaded, binding: Binding, template: Template, *, own: bool
    ) -> Recorded | None:
        left = None
        if self._daemon_first:
            left = await self._left(binding, template)
        if left is None:
            fixture = await asyncio.to_thread(self._fixture, loaded, binding.uid, own=own)
            if fixture is not None:
                return _mapped(binding, template, fixture)
        if left is None and not self._daemon_first:
            left = await self._left(binding, template)
        return left

    def _fixture(self, loaded: Loaded, uid: str, *, own: bool) -> _Document | None:
        for each in self._in_order(loaded if own else self._after):
            directory = each.configuration.directory
            try:
                value = read_fixture(directory, uid, each.configuration.settings.refresh.max_bytes)
            except FixtureRefused as refused:
                raise NothingRecorded(f"{FOLDER}/{uid}{SUFFIX} {refused}") from refused
            if value is not MISSING:
                whose = " as it was" if each is self._before else ""
                return _Document(value=value, origin=f"{FOLDER}/{uid}{SUFFIX}{whose}")
        return None

    def _in_order(self, first: Loaded) -> Iterator[Loaded]:
        yield first
        for each in (self._after, self._before):
            if each is not None and each is not first:
                yield each

    async def _left(self, binding: Binding, template: Template) -> Recorded | None:
        """What the daemon left, as far as it fits."""
        if binding.source.type == _PUSHED:
            text = await _document(self._after, binding.uid)
            if text is not None:
                document = _Document(value=orjson.loads(text), origin=PUSHED_DATA)
                return _mapped(binding, template, document)
            if self._daemon_first:
                with suppress(NothingRecorded):
                    return replace(_defaults(binding, template), origin=UNPUSHED)
        state = self._states.get(binding.uid)
        if state is None or state.variables is None:
            return None
        if state.mapping_fingerprint != mapping_fingerprint(binding, template):
            return None
        return Recorded(variables=state.variables, origin=LAST_DATA)


async def remembered(loaded: Loaded) -> Mapping[str, BindingState]:
    """What a daemon of that configuration left; nothing where none ran, or it is not for us."""
    try:
        return await read_states(loaded.configuration.state_path)
    except (StoreUnavailable, OSError):
        return {}


async def _document(loaded: Loaded, uid: str) -> bytes | None:
    try:
        return await read_document(loaded.configuration.state_path, uid)
    except (StoreUnavailable, OSError):
        return None


def _mapped(binding: Binding, template: Template, document: _Document) -> Recorded:
    mapped = map_document(binding, template, document.value)
    empty = tuple(each.variable for each in mapped.fallbacks if each.used == EMPTY)
    return Recorded(variables=mapped.variables, origin=document.origin, missing=empty)


def _defaults(binding: Binding, template: Template) -> Recorded:
    """As a webhook source is drawn before its first data.

    Raises:
        NothingRecorded: not every variable has a default.
    """
    try:
        mapped = map_document(binding, replace(template, strict=False), MISSING)
    except MapFailed as failed:
        raise NothingRecorded(str(failed)) from failed
    if not mapped.complete:
        raise NothingRecorded(f"no recorded data: add {FOLDER}/{binding.uid}{SUFFIX}")
    return Recorded(variables=mapped.variables, origin=DEFAULTS)
