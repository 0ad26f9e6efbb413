"""Equal parts of many bindings as one object: 100,000 bindings differ in little."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from repaintd.core.binding import (
    Freshness,
    ImageFormat,
    OnError,
    OutputConfig,
    PolicyType,
    RefreshPolicy,
)
from repaintd.core.fingerprint import canonical
from repaintd.core.inbound import InboundWebhook
from repaintd.plugin import SpecModel

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from repaintd.config.binding_model import (
        InboundWebhookModel,
        OutputConfigModel,
        RefreshPolicyModel,
    )
    from repaintd.config.freshness_model import FreshnessModel
    from repaintd.plugin import SourceSpec

_DEFAULT_TTL_SECONDS = 300
_ON_ERROR = {each.value: each for each in OnError} | {"error": OnError.SERVE_ERROR}
_FORMATS = {each.value: each for each in ImageFormat} | {"jpg": ImageFormat.JPEG}


@dataclass(frozen=True, slots=True)
class Shared:
    """Hands out the first of equal objects; whoever gets one must not change it."""

    min_ttl_seconds: int = 1
    _first: dict[Hashable, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._first)

    def text(self, value: str) -> str:
        """The first text that equals *value*."""
        first: str = self._first.setdefault(value, value)
        return first

    def mapping(self, value: Mapping[str, str]) -> Mapping[str, str]:
        """The first mapping of texts that equals *value*."""
        first: Mapping[str, str] = self._first.setdefault(tuple(value.items()), value)
        return first

    def values(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """The first mapping of JSON values that equals *value*; 1, 1.0 and true differ."""
        first: Mapping[str, Any] = self._first.setdefault(canonical(value), value)
        return first

    def spec(self, spec: SourceSpec) -> SourceSpec:
        """*spec* itself; headers, credentials and the like become those of the first equal one."""
        values = vars(spec)
        for name, value in values.items():
            if isinstance(value, dict | SpecModel):
                values[name] = self._equal(value)
        fields = self._first.setdefault(frozenset(spec.model_fields_set), spec.model_fields_set)
        object.__setattr__(spec, "__pydantic_fields_set__", fields)
        return spec

    def _equal(self, value: dict[Any, Any] | SpecModel) -> Any:
        form = value.model_dump_json() if isinstance(value, SpecModel) else canonical(value)
        first = self._first.setdefault((type(value), form), value)
        return first if first == value else value  # JSON may leave something out

    def refresh(self, model: RefreshPolicyModel) -> RefreshPolicy:
        """The policy that *model* describes."""
        ttl = model.ttl_seconds or max(_DEFAULT_TTL_SECONDS, self.min_ttl_seconds)
        policy: RefreshPolicy | None = self._first.get((model.type, ttl, model.on_error))
        if policy is None:
            policy = RefreshPolicy(
                type=PolicyType(model.type), ttl_seconds=ttl, on_error=_ON_ERROR[model.on_error]
            )
            self._first[model.type, ttl, model.on_error] = policy
        return policy

    def output(self, model: OutputConfigModel) -> OutputConfig:
        """The output that *model* describes."""
        key = (model.format, model.quality, model.width, model.height)
        output: OutputConfig | None = self._first.get(key)
        if output is None:
            output = OutputConfig(
                format=_FORMATS[model.format],
                quality=model.quality,
                width=model.width,
                height=model.height,
            )
            self._first[key] = output
        return output

    def freshness(self, model: FreshnessModel, default: Freshness | None) -> Freshness | None:
        """How old data may be, by *model* and what the settings say."""
        freshness = model.plain(default or Freshness())
        if freshness is None:
            return None
        first: Freshness = self._first.setdefault(freshness, freshness)
        return first

    def webhook(self, model: InboundWebhookModel | None) -> InboundWebhook | None:
        """What *model* asks of inbound triggers."""
        if model is None:
            return None
        webhook = InboundWebhook(
            auth=model.auth,
            secrets=model.keys,
            debounce=model.debounce,
            max_wait=model.longest_wait,
            compressed=model.compressed,
        )
        first: InboundWebhook = self._first.setdefault(webhook, webhook)
        return first
