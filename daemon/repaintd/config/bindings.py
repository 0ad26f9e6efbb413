"""Binding files → bindings: validation, sharing of equal parts, and uids that are unique."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from repaintd.config.binding_checks import check_binding
from repaintd.config.binding_model import BindingModel
from repaintd.config.problem import shortened
from repaintd.config.sharing import Shared
from repaintd.config.wording import did_you_mean, problems_of, unknown_key
from repaintd.core.binding import Binding, Origin, SourceConfig
from repaintd.core.fingerprint import digest

if TYPE_CHECKING:
    from repaintd.config.binding_checks import Rules
    from repaintd.config.document import Document
    from repaintd.config.problem import Path, Report
    from repaintd.config.secret_check import SecretCheck
    from repaintd.plugin import SourceSpec


class BindingReader:
    """Reads binding files one after the other; what stood in earlier ones counts for the next."""

    def __init__(self, rules: Rules, report: Report, secrets: SecretCheck) -> None:
        self.bindings: dict[str, Binding] = {}
        self._rules = rules
        self._report = report
        self._secrets = secrets
        self._shared = Shared(rules.min_ttl_seconds)
        self._places: dict[str, Origin] = {}

    def read(self, document: Document) -> None:
        """Take over the bindings of one file; the report says what is wrong with the others."""
        root = document.value
        if root is None:
            return
        if not isinstance(root, dict):
            message = "must be a mapping; put the key `bindings:` above the list"
            self._report.add(document.problem((), message))
            return
        for key in root:
            if key != "bindings":
                message = unknown_key(key, ["bindings"])
                self._report.add(document.problem((key,), message, key=True))
        items = root.get("bindings")
        if isinstance(items, list):
            for index, item in enumerate(items):
                self._read_one(document, ("bindings", index), item)
        elif items is not None:
            self._note(document, ("bindings",), "must be a list (- uid: …)")

    def _read_one(self, document: Document, at: Path, item: Any) -> None:
        if not isinstance(item, dict):
            self._note(document, at, "must be a mapping (uid: …); remove it or fill it")
            return
        origin = Origin(file=self._shared.text(document.file), line=document.line_of(item))
        unique = self._claim(document, at, item, origin)
        self._report.extend(check_binding(document, at, item, self._rules))
        self._check_secrets(document, (*at, "webhook"), item.get("webhook"))
        spec = self._spec(document, at, item)
        model = self._model(document, at, item)
        if model is not None and spec is not None and unique:
            self._take(document, at, model, spec, origin)

    def _model(self, document: Document, at: Path, item: dict[str, Any]) -> BindingModel | None:
        try:
            return BindingModel.model_validate(item, by_alias=True, by_name=False)
        except ValidationError as error:
            self._report.extend(problems_of(document, error, BindingModel, at))
            return None

    def _spec(self, document: Document, at: Path, item: dict[str, Any]) -> SourceSpec | None:
        source = item.get("dataSource")
        if not isinstance(source, dict):
            return None  # the model of the binding says so
        at = (*at, "dataSource")
        model = self._spec_model(document, at, source)
        if model is None:
            return None
        if source["type"] != "static":  # its texts are data, nobody resolves them
            self._secrets.check(document, at, source)
        try:
            return model.model_validate(source, by_alias=True, by_name=False)
        except ValidationError as error:
            self._report.extend(problems_of(document, error, model, at))
            return None

    def _spec_model(
        self, document: Document, at: Path, source: dict[str, Any]
    ) -> type[SourceSpec] | None:
        specs = self._rules.source_specs
        kind = source.get("type")
        model = specs.get(kind) if isinstance(kind, str) else None
        if model is None:
            hint = did_you_mean(kind, specs) if isinstance(kind, str) else ""
            what = "is required" if "type" not in source else "must be a known kind"
            message = f"{what}: one of {', '.join(sorted(specs))};{hint or ' choose one'}"
            self._note(document, (*at, "type"), message)
        return model

    def _claim(self, document: Document, at: Path, item: dict[str, Any], origin: Origin) -> bool:
        """Take the uid, unless another binding has it, but for case or Unicode form.

        The stable file is `<uid>.<format>`: unique uids make unique files.
        """
        uid = item.get("uid")
        if not isinstance(uid, str):
            return False
        form = uid.lower() if uid.isascii() else unicodedata.normalize("NFC", uid).casefold()
        first = self._places.setdefault(form, origin)
        if first is origin:
            return True
        place = f"{first.file}:{first.line}"
        message = f"{shortened(uid)} is the uid of the binding at {place} already; rename one"
        self._note(document, (*at, "uid"), message)
        return False

    def _check_secrets(self, document: Document, at: Path, webhook: Any) -> None:
        if isinstance(webhook, dict):
            self._secrets.check(document, at, webhook)
            self._secrets.clear_text(document, (*at, "secret"), webhook.get("secret"))
            self._secrets.clear_text(document, (*at, "secrets"), webhook.get("secrets"))

    def _take(
        self, document: Document, at: Path, model: BindingModel, spec: SourceSpec, origin: Origin
    ) -> None:
        kind = self._shared.text(model.data_source["type"])
        try:
            fingerprint, host = digest(kind, spec.fingerprint()), spec.host()
            spec = self._shared.spec(spec)
        except ValueError as error:
            self._note(document, (*at, "dataSource"), f"is refused: {error}; correct it")
            return
        self.bindings[model.uid] = Binding(
            uid=model.uid,
            name=model.uid if model.name is None else model.name,
            template_id=self._shared.text(model.template_id),
            source=SourceConfig(
                type=kind,
                spec=spec,
                fingerprint=fingerprint,
                host=self._shared.text(host),
            ),
            mapping=self._shared.mapping(model.mapping),
            defaults=self._shared.values(model.defaults),
            refresh=self._shared.refresh(model.refresh_policy),
            output=self._shared.output(model.output_config),
            paused=model.paused,
            webhook=self._shared.webhook(model.webhook),
            origin=origin,
        )

    def _note(self, document: Document, path: Path, message: str) -> None:
        self._report.add(document.problem(path, message))
