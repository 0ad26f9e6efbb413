"""One binding file → bindings: validation, and sharing of equal parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from repaintd.config.binding_checks import check_binding
from repaintd.config.binding_model import BindingModel
from repaintd.config.wording import did_you_mean, problems_of, unknown_key
from repaintd.core.binding import Binding, Origin, SourceConfig
from repaintd.core.fingerprint import canonical, digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.config.binding_checks import Rules
    from repaintd.config.document import Document
    from repaintd.config.problem import Path, Report
    from repaintd.config.secret_check import SecretCheck
    from repaintd.config.sharing import Shared
    from repaintd.plugin import SourceSpec

_UNSOUND: Final = 0
_DIGEST_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a file's list.

    Attributes:
        uid: as it is written, which may be in a form that no uid has.
        index: in the list.
        line: where it begins.
        binding: None where a problem keeps it from being one.
        digest: of all that is written there; 0 where it must be judged anew each time.
    """

    uid: str
    index: int
    line: int
    binding: Binding | None = None
    digest: int = _UNSOUND


@dataclass(frozen=True, slots=True)
class FileBindings:
    """What a binding file holds.

    Attributes:
        items: entries that have a uid.
        named: the templates that they name.
        rules: what they were judged by.
    """

    items: tuple[Item, ...]
    named: frozenset[str]
    rules: Rules

    def holds(self, rules: Rules) -> bool:
        """Whether *rules* would judge the same file the same."""
        return self.rules.judges_like(rules, self.named)


class BindingReader:
    """Reads one file; the report says what is wrong with it."""

    def __init__(
        self,
        rules: Rules,
        shared: Shared,
        report: Report,
        secrets: SecretCheck,
        known: Mapping[str, Item] = MappingProxyType({}),
    ) -> None:
        self._rules = rules
        self._shared = shared
        self._report = report
        self._secrets = secrets
        self._known = known
        self._items: list[Item] = []
        self._named: set[str] = set()

    def read(self, document: Document | None) -> FileBindings:
        """The bindings of one file; those that are known already are the same objects."""
        root = None if document is None else document.value
        if document is not None and root is not None:
            self._read_root(document, root)
        return FileBindings(tuple(self._items), frozenset(self._named), self._rules)

    def _read_root(self, document: Document, root: Any) -> None:
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
                self._read_one(document, index, item)
        elif items is not None:
            self._note(document, ("bindings",), "must be a list (- uid: …)")

    def _read_one(self, document: Document, index: int, item: Any) -> None:
        at: Path = ("bindings", index)
        if not isinstance(item, dict):
            self._note(document, at, "must be a mapping (uid: …); remove it or fill it")
            return
        template_id, uid = item.get("templateId"), item.get("uid")
        if isinstance(template_id, str):
            self._named.add(template_id)
        self._check_secrets(document, at, item)
        line, name = document.line_of(item), _digest(item)
        binding = self._again(document.file, line, uid, name)
        if binding is None:
            problems = len(self._report)
            binding = self._judge(document, at, item, line)
            name = name if len(self._report) == problems else _UNSOUND
        if isinstance(uid, str):
            self._items.append(Item(uid, index, line, binding, name))

    def _again(self, file: str, line: int, uid: Any, name: int) -> Binding | None:
        """The binding as an earlier load made it; the same object unless it has moved."""
        known = self._known.get(uid) if isinstance(uid, str) else None
        if known is None or known.digest != name or known.binding is None:
            return None
        origin = known.binding.origin
        if origin is not None and (origin.file, origin.line) == (file, line):
            return known.binding
        return replace(known.binding, origin=Origin(file=self._shared.text(file), line=line))

    def _judge(
        self, document: Document, at: Path, item: dict[str, Any], line: int
    ) -> Binding | None:
        self._report.extend(check_binding(document, at, item, self._rules))
        spec = self._spec(document, at, item)
        model = self._model(document, at, item)
        if model is None or spec is None:
            return None
        origin = Origin(file=self._shared.text(document.file), line=line)
        return self._binding(document, at, model, spec, origin)

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

    def _check_secrets(self, document: Document, at: Path, item: dict[str, Any]) -> None:
        webhook, source = item.get("webhook"), item.get("dataSource")
        if isinstance(webhook, dict):
            place = (*at, "webhook")
            self._secrets.check(document, place, webhook)
            self._secrets.clear_text(document, (*place, "secret"), webhook.get("secret"))
            self._secrets.clear_text(document, (*place, "secrets"), webhook.get("secrets"))
        kind = source.get("type") if isinstance(source, dict) else None
        # The texts of a static source are data, nobody resolves them.
        if isinstance(kind, str) and kind != "static" and kind in self._rules.source_specs:
            self._secrets.check(document, (*at, "dataSource"), source)

    def _binding(
        self, document: Document, at: Path, model: BindingModel, spec: SourceSpec, origin: Origin
    ) -> Binding | None:
        shared = self._shared
        kind = shared.text(model.data_source["type"])
        try:
            fingerprint, host = digest(kind, spec.fingerprint()), spec.host()
            spec = shared.spec(spec)
        except ValueError as error:
            self._note(document, (*at, "dataSource"), f"is refused: {error}; correct it")
            return None
        return Binding(
            uid=model.uid,
            name=model.uid if model.name is None else model.name,
            template_id=shared.text(model.template_id),
            source=SourceConfig(
                type=kind, spec=spec, fingerprint=fingerprint, host=shared.text(host)
            ),
            mapping=shared.mapping(model.mapping),
            defaults=shared.values(model.defaults),
            refresh=shared.refresh(model.refresh_policy),
            output=shared.output(model.output_config),
            paused=model.paused,
            webhook=shared.webhook(model.webhook),
            freshness=shared.freshness(model.freshness, self._rules.freshness),
            origin=origin,
        )

    def _note(self, document: Document, path: Path, message: str) -> None:
        self._report.add(document.problem(path, message))


def _digest(item: dict[str, Any]) -> int:
    """Equal digests, equal entries: 1, 1.0 and true are not."""
    return int.from_bytes(hashlib.blake2b(canonical(item), digest_size=_DIGEST_BYTES).digest())
