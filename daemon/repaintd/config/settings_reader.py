"""`repaintd.yaml` → settings, those of the plugins among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from repaintd.config.files import FileRefused
from repaintd.config.problem import Problem, shortened, unread
from repaintd.config.settings import RefreshSettings, Settings
from repaintd.config.wording import did_you_mean, problems_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.config.document import Document
    from repaintd.config.files import Entry, Tree
    from repaintd.config.problem import Path, Report
    from repaintd.config.secret_check import SecretCheck
    from repaintd.plugin import SpecModel

FILE: Final = "repaintd.yaml"
MISNAMED: Final = "repaintd.yml"


class SettingsReader:
    """Reads the one settings file; the report says what is wrong with it."""

    def __init__(
        self, models: Mapping[str, type[SpecModel]], report: Report, secrets: SecretCheck
    ) -> None:
        self._models = models
        self._report = report
        self._secrets = secrets

    def read(self, document: Document | None) -> Settings:
        """The settings; the defaults where there are none, or where the report has errors."""
        if document is None or document.value is None:
            return self._with_plugins(Settings(), {})
        settings = self._settings(document)
        self._check_secrets(document)
        self._check_subscriptions(document, settings)
        return self._with_plugins(settings, self._plugins(document, settings))

    def _settings(self, document: Document) -> Settings:
        try:
            return Settings.model_validate(document.value, by_alias=True, by_name=False)
        except ValidationError as error:
            self._report.extend(problems_of(document, error, Settings))
        plugins = _node(document.value, ("plugins",))
        return Settings(
            refresh=_refresh(_node(document.value, ("refresh",))),
            plugins=plugins if isinstance(plugins, dict) else {},
        )

    def _with_plugins(self, settings: Settings, given: Mapping[str, Any]) -> Settings:
        """*settings* with the plugins' own: as given, else their defaults if those are whole."""
        models = dict(given)
        for name, model in self._models.items():
            if name not in settings.plugins:
                try:
                    models[name] = model()
                except ValidationError:
                    continue  # it says so when somebody opens it
        return settings.model_copy(update={"plugins": models})

    def _plugins(self, document: Document, settings: Settings) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, raw in settings.plugins.items():
            path: Path = ("plugins", name)
            model = self._models.get(name)
            if model is None:
                self._report.add(document.problem(path, self._unknown(name), key=True))
                continue
            try:
                given = {} if raw is None else raw
                found[name] = model.model_validate(given, by_alias=True, by_name=False)
            except ValidationError as error:
                self._report.extend(problems_of(document, error, model, path))
        return found

    def _unknown(self, name: str) -> str:
        hint = did_you_mean(name, self._models) or " remove it, or install the plugin;"
        known = ", ".join(sorted(self._models)) or "none"
        return f"there is no plugin {shortened(name)};{hint} installed: {known}"

    def _check_secrets(self, document: Document) -> None:
        """Of the document as it was written: it may have other problems besides."""
        for path in (("server",), ("webhooks",), ("plugins",)):
            self._secrets.check(document, path, _node(document.value, path))
        self._clear_text(document, "server", "apiKeys")
        webhooks = _node(document.value, ("webhooks",))
        for index in range(len(webhooks) if isinstance(webhooks, list) else 0):
            self._clear_text(document, "webhooks", index, "secret")
            self._clear_text(document, "webhooks", index, "secrets")

    def _clear_text(self, document: Document, *path: str | int) -> None:
        self._secrets.clear_text(document, path, _node(document.value, path))

    def _check_subscriptions(self, document: Document, settings: Settings) -> None:
        first: dict[str, int] = {}
        for index, subscription in enumerate(settings.webhooks):
            other = first.setdefault(subscription.uid, index)
            if other != index:
                message = f"is the uid of webhooks[{other}] already; rename one"
                self._report.add(document.problem(("webhooks", index, "uid"), message))
            refusal = settings.target_refusal(subscription.target_url)
            if refusal is not None:
                self._report.add(document.problem(("webhooks", index, "targetUrl"), refusal))


def settings_entry(tree: Tree, report: Report) -> Entry | None:
    """The settings file, None where there is none to read."""
    try:
        entry = tree.entry(FILE)
    except FileRefused as refused:
        report.add(Problem(file=FILE, message=str(refused)))
        return None
    if tree.holds(MISNAMED):
        report.add(unread(MISNAMED))
    return entry


def _refresh(raw: Any) -> RefreshSettings:
    """What bindings are still to be checked against while another setting is wrong."""
    try:
        return RefreshSettings.model_validate(raw or {}, by_alias=True, by_name=False)
    except ValidationError:
        return RefreshSettings(min_ttl_seconds=1)


def _node(value: Any, path: Path) -> Any:
    """The node at *path*, None where there is none."""
    for part in path:
        if isinstance(part, int):
            value = value[part]
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value
