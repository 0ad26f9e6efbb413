"""JSON Schema (2020-12) of what users write, for editors and checks elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, assert_never

from pydantic.json_schema import models_json_schema

from repaintd.config.binding_model import BindingFile, BindingModel
from repaintd.config.settings import Settings
from repaintd.config.sources import BUILT_IN
from repaintd.config.template_model import TemplateModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

    from repaintd.plugin import SourceSpec, SpecModel

Which = Literal["repaintd.yaml", "bindings", "template.yaml"]
WHICH: Final[tuple[Which, ...]] = ("repaintd.yaml", "bindings", "template.yaml")
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema(
    source_specs: Mapping[str, type[SourceSpec]],
    settings_models: Mapping[str, type[SpecModel]],
    *,
    which: Which,
) -> dict[str, Any]:
    """The schema of one kind of file: the settings, any file of bindings, or a template's settings.

    Args:
        source_specs: spec model by `dataSource.type`, besides the built-in ones.
        settings_models: settings model by plugin name.
        which: one of `WHICH`.
    """
    match which:
        case "repaintd.yaml":
            return _settings(settings_models)
        case "bindings":
            return _bindings({**BUILT_IN, **source_specs})
        case "template.yaml":
            return _document(TemplateModel)[0]
        case _:
            assert_never(which)


def _settings(models: Mapping[str, type[SpecModel]]) -> dict[str, Any]:
    document, references = _document(Settings, models.values())
    properties = {
        name: {"anyOf": [references[model], {"type": "null"}]} for name, model in models.items()
    }
    plugins = document["$defs"]["Settings"]["properties"]["plugins"]
    plugins.update(properties=properties, additionalProperties=False)
    return document


def _bindings(specs: Mapping[str, type[SourceSpec]]) -> dict[str, Any]:
    document, references = _document(BindingFile, [BindingModel, *specs.values()])
    kinds = [
        {
            "allOf": [
                references[model],
                {"properties": {"type": {"const": kind}}, "required": ["type"]},
            ]
        }
        for kind, model in specs.items()
    ]
    name = references[BindingModel]["$ref"].rpartition("/")[2]
    document["$defs"][name]["properties"]["dataSource"] = {"oneOf": kinds}
    return document


def _document(
    root: type[BaseModel], others: Iterable[type[BaseModel]] = ()
) -> tuple[dict[str, Any], dict[type[BaseModel], dict[str, Any]]]:
    """A schema with *root* at its root, and the references to all models in it."""
    models = dict.fromkeys([root, *others])
    found, definitions = models_json_schema(
        [(model, "validation") for model in models], by_alias=True
    )
    references = {model: found[model, "validation"] for model in models}
    return {"$schema": _DIALECT, **references[root], **definitions}, references
