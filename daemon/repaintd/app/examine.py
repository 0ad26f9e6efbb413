"""Everything that `repaintd doctor` looks at."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import prometheus_client

from repaintd.app.inspect import ask_daemon
from repaintd.app.tools import plugin_contexts
from repaintd.core.egress import EgressPolicy
from repaintd.net import open_door
from repaintd.plugin import Diagnosable, Finding
from repaintd.render.fonts import missing_fonts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from repaintd.app.configure import Loaded
    from repaintd.config import Configuration
    from repaintd.plugin import PluginContext
    from repaintd.registry import PluginRecord

DIAGNOSIS_SECONDS = 90.0
EARLIEST = 1_767_225_600  # 2026-01-01: a clock before it was never set


async def examine(loaded: Loaded, *, log: Any, environ: Mapping[str, str]) -> list[Finding]:
    """Look at everything; a trouble is a finding, never an error."""
    configuration = loaded.configuration
    findings = [*_plugins(loaded), *await _plugins_themselves(loaded, log=log, environ=environ)]
    findings.append(_fonts())
    findings.append(_directory("output directory", configuration.output_path))
    findings.append(_directory("state directory", configuration.state_path))
    findings.append(_address(configuration))
    findings.append(_egress(configuration))
    findings.append(_clock())
    findings.extend(_warnings(configuration))
    return findings


def _plugins(loaded: Loaded) -> Iterator[Finding]:
    for record in loaded.records:
        detail = record.reason or record.status.value
        if record.plugin is not None and not _wanted(loaded, record):
            detail = f"not in use: there is no plugins.{record.name} in repaintd.yaml"
        yield Finding(
            check=f"plugin {record.name}",
            ok=record.plugin is not None,
            detail=detail,
            remedy="" if record.plugin else "pip check",
        )


def _wanted(loaded: Loaded, record: PluginRecord) -> bool:
    """Whether it has settings: one that needs some and has none is not used here."""
    return record.name in loaded.configuration.settings.plugins


async def _plugins_themselves(
    loaded: Loaded, *, log: Any, environ: Mapping[str, str]
) -> list[Finding]:
    findings: list[Finding] = []
    settings = loaded.configuration.settings
    registry = prometheus_client.CollectorRegistry()
    async with AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="repaintd-")))
        door = await stack.enter_async_context(
            open_door(
                EgressPolicy.parse(settings.egress.allow),
                per_host=1,
                limit=1,
                user_agent="repaintd",
            )
        )
        contexts = plugin_contexts(
            loaded, door, registry, directory=scratch, log=log, environ=environ
        )
        for record in loaded.records:
            if isinstance(record.plugin, Diagnosable) and _wanted(loaded, record):
                context = contexts(record.name)
                findings += await _diagnosis(record.name, record.plugin, settings.plugins, context)
    return findings


async def _diagnosis(
    name: str, plugin: Diagnosable, settings: Mapping[str, Any], context: PluginContext
) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(DIAGNOSIS_SECONDS):
            return await plugin.diagnose(settings.get(name), context)
    except Exception as error:  # noqa: BLE001 — a stranger's code may raise anything
        detail = f"it could not examine itself: {type(error).__name__}: {error}"
        return [Finding(check=f"plugin {name}", ok=False, detail=detail, remedy="pip check")]


def _fonts() -> Finding:
    missing = missing_fonts()
    return Finding(
        check="fonts",
        ok=not missing,
        detail=f"missing: {', '.join(missing)}" if missing else "installed",
        remedy="make setup" if missing else "",
    )


def _directory(name: str, path: Path) -> Finding:
    """Whether the daemon could write there; a directory that is not there yet can be made."""
    nearest = path
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    ok = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    return Finding(
        check=name,
        ok=ok,
        detail=f"{path} {'is writable' if ok else 'cannot be written'}",
        remedy="" if ok else f"install -d -o {_user()} {path}",
    )


def _user() -> str:
    return os.environ.get("USER") or str(os.getuid())


def _address(configuration: Configuration) -> Finding:
    server = configuration.settings.server
    where = f"{server.host}:{server.port}"
    if ask_daemon(configuration) is not None:
        return Finding(check="listen address", ok=True, detail=f"a repaintd answers on {where}")
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server.host, server.port))
        except OSError as error:
            return Finding(
                check="listen address",
                ok=False,
                detail=f"{where}: {error.strerror}",
                remedy="set server.listen in repaintd.yaml to a free address",
            )
    return Finding(check="listen address", ok=True, detail=f"{where} is free")


def _egress(configuration: Configuration) -> Finding:
    allowed = configuration.settings.egress.allow
    detail = (
        f"private addresses refused but for {', '.join(allowed)}"
        if allowed
        else ("private and loopback addresses refused")
    )
    return Finding(check="egress", ok=True, detail=detail)


def _clock() -> Finding:
    ok = time.time() > EARLIEST
    return Finding(
        check="clock",
        ok=ok,
        detail=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        remedy="" if ok else "timedatectl set-ntp true",
    )


def _warnings(configuration: Configuration) -> Iterator[Finding]:
    """Doubts about the configuration: unset secrets, names that templates do not know, …."""
    if not configuration.warnings:
        detail = f"{len(configuration.bindings)} bindings, no warnings"
        yield Finding(check="configuration", ok=True, detail=detail)
    for problem in configuration.warnings:
        yield Finding(check="configuration", ok=False, detail=str(problem), remedy="repaintd check")
