"""Puts the parts of the plugin together; the only file that knows them all."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from repaintd.plugin import PluginError
from repaintd_chromium.chores import Chores
from repaintd_chromium.encode import Encoder
from repaintd_chromium.faults import StartFailed
from repaintd_chromium.launch import Launcher, Recipe
from repaintd_chromium.lookup import find_browser
from repaintd_chromium.metrics import registered
from repaintd_chromium.renderer import ChromiumRenderer
from repaintd_chromium.sandbox import OVERRIDE, why_no_namespaces
from repaintd_chromium.supervisor import Supervisor
from repaintd_chromium.threads import Threads
from repaintd_chromium.turns import Turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from repaintd.plugin import PluginContext
    from repaintd_chromium.generation import Generation
    from repaintd_chromium.settings import ChromiumSettings


async def choose(settings: ChromiumSettings, context: PluginContext) -> Recipe:
    """Decide which browser runs here, and how locked in.

    Raises:
        PluginError: no browser, or none that can be locked in.
    """
    browser = find_browser(context.render.browser)
    why = await why_no_namespaces()
    if why and not context.render.allow_unsandboxed:
        raise PluginError(f"the browser cannot be locked in: {why}; {OVERRIDE}")
    if why:
        _warn(context, why)
    return Recipe(
        browser=browser, directory=context.directory, sandboxed=not why, settings=settings
    )


@asynccontextmanager
async def assembled(recipe: Recipe, context: PluginContext) -> AsyncIterator[ChromiumRenderer]:
    """The renderer with everything under it, ended in reverse order.

    Raises:
        PluginError: the browser does not start.
    """
    pages = context.render.pages or len(os.sched_getaffinity(0))
    async with AsyncExitStack() as stack:
        metrics = stack.enter_context(registered(context.registry))
        packers = await stack.enter_async_context(Threads(pages, name="repaintd-pack"))
        threads = await stack.enter_async_context(Threads(2, name="repaintd-browser"))
        chores = Chores(context.log)
        stack.push_async_callback(chores.close)

        async def supervise(recipe: Recipe) -> Supervisor[Generation]:
            supervisor = Supervisor(
                Launcher(recipe, chores=chores, threads=threads, log=context.log).start,
                replaced=metrics.restarted,
                chores=chores,
                log=context.log,
            )
            await stack.enter_async_context(supervisor.running())
            return supervisor

        supervisor = await _locked_in_or_allowed(supervise, recipe, context)
        turns = Turns(at_once=pages, max_waiting=recipe.settings.max_waiting, depth=metrics.waiting)
        yield ChromiumRenderer(supervisor, turns=turns, encoder=Encoder(packers), chores=chores)


async def _locked_in_or_allowed(
    supervise: Callable[[Recipe], Awaitable[Supervisor[Generation]]],
    recipe: Recipe,
    context: PluginContext,
) -> Supervisor[Generation]:
    """Start locked in; otherwise only where the user has accepted the risk."""
    try:
        try:
            return await supervise(recipe)
        except StartFailed as error:
            if not error.unlocked:
                raise
            if not context.render.allow_unsandboxed:
                raise PluginError(f"{error}; {OVERRIDE}") from error
            _warn(context, str(error))
            return await supervise(replace(recipe, sandboxed=False))
    except StartFailed as error:
        raise PluginError(str(error)) from error


def _warn(context: PluginContext, why: str) -> None:
    context.log.warning(
        "THE BROWSER RUNS WITHOUT SANDBOX: whoever writes a template or its data can attack"
        " this machine and its network",
        why=why,
        allowed_by="render.allowUnsandboxed",
    )
