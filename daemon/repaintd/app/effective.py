"""The configuration in effect: every default filled in, directories absolute, secrets masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from repaintd.app.masking import masked, masked_text
from repaintd.config import StaticSpec, WebhookSpec

if TYPE_CHECKING:
    from repaintd.app.configure import Loaded
    from repaintd.core.binding import Binding

_WRITTEN: Final = {"source": "dataSource", "refresh": "refreshPolicy", "output": "outputConfig"}
_PLAIN: Final = ("mapping", "defaults")
"""Data that images show, under names of the user's choice: no name makes a secret of it."""


def effective_settings(loaded: Loaded) -> dict[str, Any]:
    """`repaintd.yaml` as it is in effect, the settings of loaded plugins included."""
    configuration = loaded.configuration
    document: dict[str, Any] = masked(configuration.settings)
    document["output"]["directory"] = str(configuration.output_path)
    document["state"]["directory"] = str(configuration.state_path)
    return document


def effective_binding(loaded: Loaded, binding: Binding) -> dict[str, Any]:
    """One binding as it is in effect; its size is the template's where it names none."""
    whole: dict[str, Any] = masked(binding)
    del whole["origin"]
    document = {_WRITTEN.get(key, key): value for key, value in whole.items()}
    document["dataSource"] = _source(binding)
    document.update({key: dict(getattr(binding, key)) for key in _PLAIN})
    output, template = document["outputConfig"], loaded.templates[binding.template_id]
    output["width"] = output["width"] or template.width
    output["height"] = output["height"] or template.height
    document["freshness"] = _freshness(loaded, binding)
    if document["freshness"] is None:
        del document["freshness"]
    if binding.webhook is not None:
        document["webhook"]["secrets"] = [masked_text(each) for each in binding.webhook.secrets]
    return document


def _freshness(loaded: Loaded, binding: Binding) -> dict[str, Any] | None:
    """What the binding has to say of it, where the settings do not say the same."""
    bound, usual = binding.freshness, loaded.configuration.settings.freshness.plain()
    if bound == usual or (bound is not None and not bound.insisted):
        return None
    slo = None if bound is None or bound.slo is None else str(bound.slo)
    return {"maxStale": None if bound is None else bound.max_stale, "slo": slo}


def _source(binding: Binding) -> dict[str, Any]:
    spec = binding.source.spec
    given = {"staticData": spec.static_data} if isinstance(spec, StaticSpec) else masked(spec)
    if isinstance(spec, WebhookSpec) and spec.merge != "append":
        del given["keep"]  # it means nothing there
    return {"type": binding.source.type, **{k: v for k, v in given.items() if k != "type"}}
