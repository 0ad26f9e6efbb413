"""What `repaintd doctor` says about the browser."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from repaintd.plugin import Finding, PluginError, RenderFailed
from repaintd_chromium.lookup import Machine, find_browser, read_version
from repaintd_chromium.sandbox import remedy, why_no_namespaces

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from repaintd.plugin import Components, PluginContext


async def examine(
    context: PluginContext,
    open_plugin: Callable[[], AbstractAsyncContextManager[Components]],
) -> list[Finding]:
    """Look for browser, namespaces and sandbox, then draw 10 x 10 pixels."""
    findings = [await _browser(context), await _namespaces()]
    if findings[0].ok:
        findings += await _drawing(context, open_plugin)
    return findings


async def _browser(context: PluginContext) -> Finding:
    machine = Machine()
    try:
        path = find_browser(context.render.browser, machine)
        version = await read_version(path)
    except (PluginError, OSError) as error:
        return Finding(check="browser", ok=False, detail=str(error), remedy=machine.remedy)
    if not version:
        return Finding(
            check="browser",
            ok=False,
            detail=f"{path} does not answer --version",
            remedy=machine.remedy,
        )
    return Finding(check="browser", ok=True, detail=f"{version} ({path})")


async def _namespaces() -> Finding:
    why = await why_no_namespaces()
    if why:
        return Finding(check="user namespaces", ok=False, detail=why, remedy=remedy())
    return Finding(check="user namespaces", ok=True, detail="allowed")


async def _drawing(
    context: PluginContext,
    open_plugin: Callable[[], AbstractAsyncContextManager[Components]],
) -> list[Finding]:
    async with AsyncExitStack() as stack:
        try:
            components = await stack.enter_async_context(open_plugin())
        except PluginError as error:
            return [Finding(check="sandbox", ok=False, detail=str(error), remedy=remedy())]
        try:
            await components.renderers["chromium"].probe()
        except RenderFailed as error:  # perhaps no browser started, so nothing is proven
            return [Finding(check="drawing", ok=False, detail=str(error))]
    return [
        _sandbox(context),
        Finding(check="drawing", ok=True, detail="10 x 10 pixels were drawn"),
    ]


def _sandbox(context: PluginContext) -> Finding:
    if context.render.allow_unsandboxed:
        return Finding(
            check="sandbox",
            ok=False,
            detail="render.allowUnsandboxed is true: it is not insisted on",
            remedy=remedy(),
        )
    return Finding(check="sandbox", ok=True, detail="the browser is locked in and has no network")
