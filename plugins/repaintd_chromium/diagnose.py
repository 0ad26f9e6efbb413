"""What `repaintd doctor` says about the browser."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

from repaintd.plugin import PluginError, RenderFailed
from repaintd_chromium.lookup import Machine, find_browser, read_version
from repaintd_chromium.sandbox import remedy, why_no_namespaces

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from repaintd.plugin import Components, PluginContext


class Finding(NamedTuple):
    """One line of the doctor.

    Attributes:
        check: what was looked at.
        ok: whether it is as it should be.
        found: what was found.
        remedy: the one command that mends it, "" where there is none or nothing to mend.
    """

    check: str
    ok: bool
    found: str
    remedy: str = ""


async def examine(
    context: PluginContext,
    open_plugin: Callable[[], AbstractAsyncContextManager[Components]],
) -> list[tuple[str, bool, str, str]]:
    """Look for browser, namespaces and sandbox, then draw 10 x 10 pixels."""
    findings = [await _browser(context), await _namespaces()]
    if findings[0].ok:
        findings += await _drawing(context, open_plugin)
    return list(findings)


async def _browser(context: PluginContext) -> Finding:
    machine = Machine()
    try:
        path = find_browser(context.render.browser, machine)
        version = await read_version(path)
    except (PluginError, OSError) as error:
        return Finding("browser", False, str(error), machine.remedy)
    if not version:
        return Finding("browser", False, f"{path} does not answer --version", machine.remedy)
    return Finding("browser", True, f"{version} ({path})")


async def _namespaces() -> Finding:
    why = await why_no_namespaces()
    if why:
        return Finding("user namespaces", False, why, remedy())
    return Finding("user namespaces", True, "allowed")


async def _drawing(
    context: PluginContext,
    open_plugin: Callable[[], AbstractAsyncContextManager[Components]],
) -> list[Finding]:
    async with AsyncExitStack() as stack:
        try:
            components = await stack.enter_async_context(open_plugin())
        except PluginError as error:
            return [Finding("sandbox", False, str(error), remedy())]
        try:
            await components.renderers["chromium"].probe()
        except RenderFailed as error:
            return [_sandbox(context), Finding("drawing", False, str(error))]
    return [_sandbox(context), Finding("drawing", True, "10 x 10 pixels were drawn")]


def _sandbox(context: PluginContext) -> Finding:
    if context.render.allow_unsandboxed:
        return Finding(
            "sandbox", False, "render.allowUnsandboxed is true: it is not insisted on", remedy()
        )
    return Finding("sandbox", True, "the browser is locked in and has no network")
