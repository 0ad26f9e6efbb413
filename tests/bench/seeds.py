"""What a daemon would remember after it has drawn every binding once, made without drawing."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import orjson

from bench.source_server import ETAG, document
from repaintd.core import schedule
from repaintd.core.fetch import Validators
from repaintd.core.fingerprint import configured_fingerprint, digest, render_fingerprint
from repaintd.core.mapping import map_document, mapping_fingerprint
from repaintd.core.state import BindingState, StoredImage
from repaintd.runtime.clock import SystemClock
from repaintd.store import open_store

if TYPE_CHECKING:
    from repaintd.app import Loaded
    from repaintd.core.binding import Binding
    from repaintd.core.template import Template

PICTURE: Final = b"\x89PNG\r\n\x1a\n stands for an image"


def states(loaded: Loaded, now: float) -> dict[str, BindingState]:
    """A state for each binding: drawn, unchanged since, with validators, due by its own rhythm."""
    return {
        uid: _state(binding, loaded.templates[binding.template_id], now)
        for uid, binding in loaded.configuration.bindings.items()
    }


async def leave_behind(loaded: Loaded) -> None:
    """Put states and images where a daemon of this configuration will look for them."""
    configuration = loaded.configuration
    clock = SystemClock()
    configuration.output_path.mkdir(parents=True, exist_ok=True)
    for binding in configuration.bindings.values():
        (configuration.output_path / binding.filename).write_bytes(PICTURE)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(configuration.state_path, clock=clock))
        for state in states(loaded, clock.now()).values():
            store.note(state)


def _state(binding: Binding, template: Template, now: float) -> BindingState:
    variables = map_document(binding, template, orjson.loads(document(0))).variables
    ttl = binding.refresh.ttl_seconds
    return BindingState(
        uid=binding.uid,
        source_fingerprint=binding.source.fingerprint,
        mapping_fingerprint=mapping_fingerprint(binding, template),
        render_fingerprint=render_fingerprint(variables, template, binding.output),
        attempted=configured_fingerprint(binding, template, mapping_fingerprint(binding, template)),
        validators=Validators(etag=ETAG),
        body_hash=digest(document(0)),
        unconditional_at=now,
        variables=variables,
        image=StoredImage(
            etag=digest(PICTURE),
            size=len(PICTURE),
            format=binding.output.format.value,
            media_type=binding.output.format.media_type,
            width=template.width,
            height=template.height,
            published_at=now,
        ),
        sequence=1,
        last_attempt_at=now,
        last_success_at=now,
        last_fetch_at=now,
        last_render_at=now,
        next_due_at=schedule.next_on_grid(binding.uid, ttl, now),
        due_reason="policy",
        created_at=now,
    )
