"""The two kinds of `dataSource` that need no plugin to be read: `static` and `webhook`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from repaintd.config import limits
from repaintd.plugin import SourceSpec
from repaintd.plugin.quantities import Whole  # noqa: TC001 - pydantic reads the annotation

if TYPE_CHECKING:
    from collections.abc import Mapping


def _other_spelling(schema: dict[str, Any]) -> None:
    schema["properties"]["data"] = {"description": "the same as staticData"}


class StaticSpec(SourceSpec):
    """The data stands in the binding itself (contract B.2)."""

    model_config = ConfigDict(json_schema_extra=_other_spelling)

    type: Literal["static"] = "static"
    static_data: Any = Field(
        default=None,
        validation_alias=AliasChoices("staticData", "data"),
        description="the document that the mapping reads; any JSON",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, given: Any) -> Any:
        if isinstance(given, dict) and {"staticData", "data"} <= given.keys():
            raise ValueError("has `staticData` and `data`, which are the same; keep one")
        return given


class WebhookSpec(SourceSpec):
    """The data is pushed to the binding's inbound webhook (contract B.10)."""

    type: Literal["webhook"] = "webhook"
    merge: Literal["replace", "deepMerge", "append"] = Field(
        default="replace",
        description="what a payload does to the document kept so far: take its place, be merged "
        "into its objects, or be appended to it as a list",
    )
    keep: Annotated[Whole, Field(ge=1, le=limits.KEPT_PAYLOADS)] = Field(
        default=100, description="how many payloads append keeps, the latest"
    )

    @field_validator("keep")
    @classmethod
    def _of_a_list(cls, keep: int, info: ValidationInfo) -> int:
        if info.data.get("merge", "append") != "append":
            raise ValueError("is for `merge: append` only; remove one of them")
        return keep


BUILT_IN: Final[Mapping[str, type[SourceSpec]]] = MappingProxyType(
    {"static": StaticSpec, "webhook": WebhookSpec}
)
