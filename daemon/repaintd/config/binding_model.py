"""One entry of `bindings:` as people write it (DESIGN 2.3, contract B.1)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from repaintd.config import limits
from repaintd.config.freshness_model import FreshnessModel
from repaintd.config.texts import TEMPLATE_ID_PATTERN, Label, SigningSecret, Uid
from repaintd.plugin import SpecModel
from repaintd.plugin.quantities import Flag, Seconds, Whole

Side = Annotated[Whole, Field(ge=1, le=10_000)]
"""CSS pixels of width or height."""
_MAX_WAIT: Final = 10.0
VariableName = Annotated[str, Field(min_length=1, max_length=128)]
Gathering = Annotated[Seconds, Field(ge=0, le=limits.GATHERING_SECONDS_MAX)]
"""How long triggers are gathered, as seconds."""
MappingPath = Annotated[str, Field(max_length=limits.MAPPING_PATH_CHARACTERS)]


class RefreshPolicyModel(SpecModel):
    """When to refresh, and what to show when that fails (contract B.6, B.7)."""

    type: Literal["ttl", "etag", "webhook", "manual"] = "ttl"
    ttl_seconds: Annotated[Whole, Field(le=limits.TTL_SECONDS_MAX)] | None = Field(
        default=None,
        json_schema_extra={"minimum": 1},  # `binding_checks` knows the true one
        description="seconds between two polls; default 300, or refresh.minTtlSeconds if larger",
    )
    on_error: Literal["serve_stale", "serve_default", "serve_error", "error"] = Field(
        default="serve_stale", description="what /b/ answers after a failure; error = serve_error"
    )


class OutputConfigModel(SpecModel):
    """What the image is written as; width and height default to the template's."""

    format: Literal["png", "jpeg", "jpg", "webp", "pdf"] = "png"
    quality: Annotated[Whole, Field(ge=1, le=100)] = 90
    width: Side | None = None
    height: Side | None = None


class InboundWebhookModel(SpecModel):
    """How inbound triggers prove themselves (contract B.10)."""

    auth: Literal["signature", "token", "none"] = Field(
        default="signature",
        description="signature: of the body; token: the secret itself is sent, as X-Gitlab-Token "
        "or Bearer; none: anybody who knows the URL can trigger",
    )
    secret: SigningSecret | None = Field(
        default=None, repr=False, description="the key of signatures, or the token"
    )
    secrets: tuple[SigningSecret, ...] = Field(
        default=(), repr=False, description="the same during a change of secrets, newest first"
    )
    debounce: Gathering = Field(
        default=1.0, description="quiet time after which a burst is answered with one more run"
    )
    max_wait: Gathering | None = Field(
        default=None,
        description="longest that a burst may put that run off; default 10s, or debounce if longer",
    )
    compressed: Flag = Field(
        default=False, description="whether bodies with a Content-Encoding are taken"
    )

    @property
    def keys(self) -> tuple[str, ...]:
        """References to all secrets, newest first."""
        return self.secrets if self.secret is None else (self.secret,)

    @property
    def longest_wait(self) -> float:
        """`max_wait`, or its default."""
        return max(_MAX_WAIT, self.debounce) if self.max_wait is None else self.max_wait

    @field_validator("max_wait")
    @classmethod
    def _at_least_debounce(cls, seconds: float | None, info: ValidationInfo) -> float | None:
        debounce = info.data.get("debounce", 0.0)
        if seconds is not None and seconds < debounce:
            raise ValueError(f"must be at least debounce ({debounce:g} seconds)")
        return seconds

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.auth == "none":
            if self.keys:
                raise ValueError("has a secret and `auth: none`; remove one of them")
        elif (self.secret is None) is (not self.secrets):
            raise ValueError("needs either `secret` or `secrets`, or say `auth: none`")
        return self


class BindingModel(SpecModel):
    """One binding. `data_source` is validated by the model of its `type`."""

    uid: Uid = Field(description="stable name of the file and of the URL")
    name: Label | None = Field(default=None, description="for people; default: the uid")
    template_id: str = Field(
        description="name of a folder in templates/",
        json_schema_extra={"pattern": TEMPLATE_ID_PATTERN},  # `binding_checks` knows which exist
    )
    data_source: dict[str, Any] = Field(repr=False)
    mapping: dict[VariableName, MappingPath] = Field(
        default_factory=dict,
        max_length=limits.MAPPING_ENTRIES,
        description="template variable: path into the document",
    )
    defaults: dict[VariableName, Any] = Field(
        default_factory=dict, description="template variable: value when its path finds nothing"
    )
    refresh_policy: RefreshPolicyModel = RefreshPolicyModel()
    output_config: OutputConfigModel = OutputConfigModel()
    webhook: InboundWebhookModel | None = None
    freshness: FreshnessModel = FreshnessModel()
    paused: Flag = False


class BindingFile(SpecModel):
    """A file below `bindings/`."""

    bindings: list[BindingModel] = Field(default_factory=list)
