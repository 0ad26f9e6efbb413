"""One image, once: the pipeline without scheduler, state and published files."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import prometheus_client

from repaintd.app.tools import open_tools
from repaintd.app.unknown import no_binding
from repaintd.core.fetch import Fetched, FetchRequest
from repaintd.core.mapping import map_document, mapping_fingerprint
from repaintd.core.pipeline import Work, render_job
from repaintd.core.state import BindingState, Trigger
from repaintd.core.template import MISSING
from repaintd.errors import FetchFailed, StartupFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.app.configure import Loaded
    from repaintd.app.tools import Tools
    from repaintd.core.binding import Binding
    from repaintd.core.image import RenderedImage
    from repaintd.core.state import Fallback


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The image, and the variables that fell back."""

    image: RenderedImage
    fallbacks: tuple[Fallback, ...]


async def render_once(
    loaded: Loaded, uid: str, document: Any, *, log: Any, environ: Mapping[str, str]
) -> Drawn:
    """Draw *uid* from *document*, or from its source where that is MISSING.

    Raises:
        StartupFailed: there is no such binding.
        RefreshFailed: the stage that failed.
    """
    binding = loaded.configuration.bindings.get(uid)
    if binding is None:
        raise StartupFailed(no_binding(uid, loaded.configuration.bindings))
    template = loaded.templates[binding.template_id]
    registry = prometheus_client.CollectorRegistry()
    async with AsyncExitStack() as stack:
        scratch = stack.enter_context(TemporaryDirectory(prefix="repaintd-"))
        tools = await open_tools(
            stack, loaded, registry, directory=Path(scratch), log=log, environ=environ
        )
        if document is MISSING:
            document = await _fetch(tools, binding, loaded)
        mapped = map_document(binding, template, document)
        work = Work(
            binding=binding,
            template=template,
            state=BindingState(uid=uid),
            trigger=Trigger.MANUAL,
            now=0.0,
            mapping_fingerprint=mapping_fingerprint(binding, template),
            render_timeout=loaded.configuration.settings.render.timeout,
        )
        markup = await tools.engine.expand(template, mapped.variables)
        image = await tools.renderer.render(render_job(work, markup))
    return Drawn(image=image, fallbacks=mapped.fallbacks)


async def _fetch(tools: Tools, binding: Binding, loaded: Loaded) -> Any:
    """The document; MISSING where the source has none yet."""
    source = tools.sources.get(binding.source.type)
    if source is None:
        raise FetchFailed(
            f"no plugin serves sources of type {binding.source.type!r}", reason="no_source"
        )
    refresh = loaded.configuration.settings.refresh
    request = FetchRequest(
        uid=binding.uid,
        spec=binding.source.spec,
        timeout=refresh.timeout,
        max_bytes=refresh.max_bytes,
    )
    result = await source.fetch(request)
    return result.document if isinstance(result, Fetched) else MISSING
