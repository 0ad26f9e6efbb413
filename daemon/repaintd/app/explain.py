"""What a command can learn of one binding: from the running daemon, else from what it left."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from repaintd.app.client import DaemonClient, DaemonSilent
from repaintd.core.explanation import Facts, explanation
from repaintd.core.state import BindingState
from repaintd.core.view import View
from repaintd.store import read_runs, read_states

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.config import Configuration


def explain(
    configuration: Configuration, uid: str, environ: Mapping[str, str]
) -> dict[str, Any] | None:
    """The document of `core.explanation`; None when there is no such binding and no daemon.

    Raises:
        DaemonRefused: the daemon says why it does not tell, 404 for a binding it does not know.
        StoreUnavailable: no daemon answers, and what it left cannot be read.
    """
    try:
        return DaemonClient(configuration, environ).explain(uid)
    except DaemonSilent:
        return asyncio.run(_left(configuration, uid))


async def _left(configuration: Configuration, uid: str) -> dict[str, Any] | None:
    binding = configuration.bindings.get(uid)
    if binding is None:
        return None
    state = (await read_states(configuration.state_path)).get(uid) or BindingState(uid=uid)
    runs = await read_runs(configuration.state_path, uid)
    view = View(binding=binding, state=state)
    return explanation(Facts(view=view, now=time.time(), running=False, runs=runs))
