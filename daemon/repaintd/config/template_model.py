"""`template.yaml` as people write it (DESIGN 2.3)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from repaintd.config.binding_model import Side, VariableName
from repaintd.config.texts import Label
from repaintd.plugin import SpecModel
from repaintd.plugin.quantities import Flag


class VariableModel(SpecModel):
    """A declared variable: `{default, description}`."""

    default: Any = None
    description: str = Field(default="", max_length=1_000)


def _declaration(value: Any) -> Any:
    """A plain value is short for `{default: value}`, and nothing at all declares without one."""
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"default": value}


Declaration = Annotated[
    VariableModel,
    BeforeValidator(
        _declaration,
        json_schema_input_type=VariableModel | str | float | bool | list[Any] | None,
    ),
]


class TemplateModel(SpecModel):
    """Settings of a template; every key has a default."""

    name: Label = Field(default="", description="for people; default: the folder's name")
    engine: Literal["jinja"] = "jinja"
    width: Side = 1200
    height: Side = 630
    scale: Annotated[float, Field(strict=True, gt=0, le=4, allow_inf_nan=False)] = Field(
        default=1.0, description="device pixels per CSS pixel"
    )
    variables: dict[VariableName, Declaration] = Field(
        default_factory=dict,
        max_length=500,
        description="name: default, or name: {default, description}",
    )
    javascript: Flag = Field(default=False, description="whether scripts of the template may run")
    volatile: Flag = Field(default=False, description="render even when no variable changed")
    strict: Flag = Field(default=False, description="a missing variable fails the refresh")
    transparent: Flag = Field(default=False, description="no white background (PNG and WebP)")
