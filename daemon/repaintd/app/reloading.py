"""The daemon's configuration while it runs: what becomes of a tree that was read again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from repaintd.app.declared import declared
from repaintd.app.keys import open_keys
from repaintd.app.plan_active import active_page
from repaintd.app.telling import SubscriptionChange, resubscribe, subscriptions_changed
from repaintd.config import Problem
from repaintd.core.difference import Declared, Difference, compare
from repaintd.core.event import CONFIG_APPLIED, CONFIG_REJECTED
from repaintd.core.fingerprint import digest
from repaintd.errors import ConfigurationError, RepaintdError, StoreUnavailable
from repaintd.runtime.reload import Pace, Reloads
from repaintd.runtime.reload_apply import Applier
from repaintd.runtime.reload_guard import EmptiedGuard
from repaintd.runtime.reload_summary import difference_document, problems_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from repaintd.app.configure import Loaded
    from repaintd.app.keys import Keys
    from repaintd.app.parts import Parts, Turning
    from repaintd.core.state import BindingState
    from repaintd.systemd import Notifier

LOGGED: Final = 20
"""Problems, or names, that one line of the log or one reload has room for."""
LONGEST: Final = 120.0
"""Seconds until systemd hears that a reload takes longer than that."""
_LIVE: Final = (
    "webhooks.",
    "reload.p",
    "reload.s",
    "server.apiKeys",
    "refresh.minTtl",
    "freshness",
)
_SETTINGS: Final = "repaintd.yaml"


def needs_restart(key: str) -> bool:
    """Whether a setting is taken over by a daemon at its start only."""
    return not key.startswith(_LIVE)


class Reloading:
    """Implements `runtime.reload.Verdicts`: accepts configurations, or says why not.

    Args:
        loaded: what is active.
        applier: brings bindings and templates to what they shall be.
        notifier: told of each reload.
    """

    def __init__(self, parts: Parts, loaded: Loaded, applier: Applier, notifier: Notifier) -> None:
        self._parts = parts
        self._loaded = loaded
        self._applier = applier
        self._notifier = notifier
        self._guard = EmptiedGuard(allow=loaded.allow_empty)
        self._declared = _declared(loaded)
        self._started_with = self._declared.settings
        self._emptied: tuple[Problem, ...] | None = None
        self._told = ""
        self._began = 0.0

    @property
    def active(self) -> Loaded:
        """The active configuration."""
        return self._loaded

    def pace(self) -> Pace:
        """As the active settings have it."""
        settings = self._loaded.configuration.settings.reload
        return Pace(settle=settings.settle, poll=settings.poll_seconds)

    def begin(self) -> None:
        """Tell systemd, which waits for the end."""
        self._began = self._parts.clock.monotonic()
        self._notifier.reloading("reading the configuration")
        self._notifier.extend_timeout(LONGEST)

    def end(self) -> None:
        """Ready again, whatever came of it: systemd would wait for ever."""
        count = f"{len(self._parts.catalogue):,} bindings"
        bad = "; the configuration on disk is not valid and not in use" if self._told else ""
        self._notifier.ready(count + bad)

    def is_due(self) -> bool:
        """Whether an emptied tree is to be looked at once more."""
        return self._guard.is_due(self._parts.clock.monotonic())

    async def accept(self, loaded: Loaded) -> Mapping[str, Any] | None:
        """Make it the active configuration.

        Raises:
            ConfigurationError: it has lost all bindings, or what it asks for cannot be opened.
        """
        self._watch_over(loaded)
        after = await asyncio.to_thread(_declared, loaded)
        difference = await asyncio.to_thread(compare, self._declared, after)
        change, keys = self._subscriptions(loaded), await self._keys(loaded)
        await self._applier.apply(difference, loaded.configuration.bindings, loaded.templates)
        await resubscribe(self._parts, change)
        self._parts.keys.replace(keys)
        self._warn(loaded)
        self._loaded, self._declared = loaded, after
        return await self._accepted(difference)

    async def reject(self, problems: Sequence[Problem]) -> None:
        """Tell it once: the same problems again are no news."""
        if problems is not self._emptied:
            self._guard.forget()
        parts, document = self._parts, problems_document(problems)
        parts.metrics.config_reloaded(successful=False, at=parts.clock.now())
        name = digest(*map(str, problems))
        if name == self._told:
            parts.log.info("the configuration is still rejected", count=document["count"])
            return
        self._told = name
        parts.log.error(
            "configuration rejected; the active one stays",
            count=document["count"],
            problems=[str(each) for each in problems if each.severity == "error"][:LOGGED],
        )
        await self._announce(CONFIG_REJECTED, document)

    def _watch_over(self, loaded: Loaded) -> None:
        before, after = len(self._parts.catalogue), len(loaded.configuration.bindings)
        now = self._parts.clock.monotonic()
        refusal = self._guard.refusal(before=before, after=after, now=now)
        if refusal is not None:
            self._emptied = (Problem(file="bindings", message=refusal),)
            raise ConfigurationError(self._emptied)

    def _subscriptions(self, loaded: Loaded) -> SubscriptionChange:
        before = self._loaded.configuration.settings.webhooks
        try:
            return subscriptions_changed(
                self._parts, before, loaded.configuration.settings.webhooks
            )
        except RepaintdError as error:
            raise _refused("webhooks", error) from error

    async def _keys(self, loaded: Loaded) -> Keys:
        """Read anew each time, as the values behind the references may have changed."""
        parts, texts = self._parts, loaded.configuration.settings.server.api_keys
        state = parts.configuration.state_path
        try:
            return await asyncio.to_thread(open_keys, texts, state, parts.secret, _Quiet(parts.log))
        except RepaintdError as error:
            raise _refused("server.apiKeys", error) from error

    def _warn(self, loaded: Loaded) -> None:
        """Say what is doubtful that was not so before."""
        known = set(map(str, self._loaded.configuration.warnings))
        new = [text for each in loaded.configuration.warnings if (text := str(each)) not in known]
        for text in new[:LOGGED]:
            self._parts.log.warning("configuration", problem=text)

    async def _accepted(self, difference: Difference) -> Mapping[str, Any] | None:
        parts, was_bad = self._parts, bool(self._told)
        self._told = ""
        parts.metrics.config_reloaded(successful=True, at=parts.clock.now())
        restart = self._restart_needed()
        document = difference_document(difference, restart, len(parts.catalogue))
        if difference.empty and not was_bad:
            parts.log.info("configuration read again; nothing has changed")
            return None
        self._log(difference, restart)
        await self._announce(CONFIG_APPLIED, document)
        return None if difference.empty else document

    def _log(self, difference: Difference, restart: Sequence[str]) -> None:
        log, seconds = self._parts.log, self._parts.clock.monotonic() - self._began
        if difference.empty:
            log.info("configuration is good again; nothing has changed", seconds=round(seconds, 3))
            return
        log.info(
            "configuration applied",
            added=len(difference.added),
            removed=len(difference.removed),
            changed=len(difference.changed),
            templates=list(difference.templates[:LOGGED]),
            settings=list(difference.settings[:LOGGED]),
            bindings=len(self._parts.catalogue),
            seconds=round(seconds, 3),
        )
        if restart:
            log.warning(
                "some changed settings need a restart: `systemctl restart repaintd`",
                settings=list(restart[:LOGGED]),
            )

    def _restart_needed(self) -> tuple[str, ...]:
        """Settings that are configured otherwise than the daemon runs with."""
        before, after = self._started_with, self._declared.settings
        nothing = Declared(bindings={}, templates={}, settings=before)
        changed = compare(nothing, Declared(bindings={}, templates={}, settings=after)).settings
        return tuple(key for key in changed if needs_restart(key))

    async def _announce(self, name: str, data: Mapping[str, Any]) -> None:
        try:
            await self._parts.store.announce(name, data)
        except StoreUnavailable as error:
            self._parts.log.warning("an event could not be recorded", name=name, error=str(error))
        else:
            self._parts.metrics.count_event(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered to `POST /-/reload`."""

    applied: Mapping[str, Any] | None
    rejected: Mapping[str, Any] | None


class ReloadSurface:
    """Implements `web.Reload`."""

    def __init__(self, reloads: Reloads[Loaded], verdicts: Reloading) -> None:
        self._reloads = reloads
        self._verdicts = verdicts

    def declared(self, after: str) -> bytes:
        """The page of the active configuration behind binding *after*, as JSON; blocks."""
        return active_page(self._verdicts.active, after)

    async def reload(self) -> Answer:
        """Reload, and tell what came of it.

        Raises:
            ReloadBroke: it could not be tried.
        """
        outcome = await self._reloads.reload()
        rejected = problems_document(outcome.problems) if outcome.problems else None
        return Answer(applied=outcome.applied, rejected=rejected)


def open_reloads(
    parts: Parts,
    turning: Turning,
    loaded: Loaded,
    notifier: Notifier,
    shelf: dict[str, BindingState],
) -> tuple[Reloads[Loaded], ReloadSurface]:
    """Who reloads, to be served when all is up, and what the listener sees of it.

    *shelf* holds the states of bindings that are not configured and were kept all the same.
    """
    applier = Applier(
        catalogue=parts.catalogue,
        scheduler=turning.scheduler,
        refresher=parts.refresher,
        store=parts.store,
        images=parts.images,
        defaults=parts.defaults,
        metrics=parts.metrics,
        clock=parts.clock,
        log=parts.log,
        on_gone=turning.intakes.run_ended,
        shelf=shelf,
    )
    verdicts = Reloading(parts, loaded, applier, notifier)
    reloads = Reloads(
        loaded.tree,
        verdicts,
        pace=verdicts.pace,
        clock=parts.clock,
        log=parts.log,
        seen=loaded.signature,
    )
    return reloads, ReloadSurface(reloads, verdicts)


def _declared(loaded: Loaded) -> Declared:
    return declared(loaded.configuration, loaded.templates)


def _refused(path: str, error: RepaintdError) -> ConfigurationError:
    return ConfigurationError([Problem(file=_SETTINGS, path=path, message=str(error))])


class _Quiet:
    """A log for what was said at the start already."""

    def __init__(self, log: Any) -> None:
        self.info = self.debug = log.debug
        self.warning = log.warning
