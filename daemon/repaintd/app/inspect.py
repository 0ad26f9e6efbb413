"""What a command can learn of the bindings: from the running daemon, else from what it left."""

from __future__ import annotations

import asyncio
import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from repaintd.app.client import address
from repaintd.core.state import BindingState
from repaintd.core.status import binding_document
from repaintd.core.view import Tally, View
from repaintd.store import read_states

if TYPE_CHECKING:
    from repaintd.app.configure import Loaded
    from repaintd.config import Configuration

ANSWER_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Binding documents as `/status.json` has them; *running* when a daemon gave them."""

    running: bool
    bindings: list[dict[str, Any]]


def inspect(loaded: Loaded) -> Inspection:
    """Ask the daemon of this configuration; where none answers, read its state."""
    configuration = loaded.configuration
    document = ask_daemon(configuration)
    if document is not None:
        return Inspection(running=True, bindings=document["bindings"])
    states = asyncio.run(read_states(configuration.state_path))
    public_url = configuration.settings.server.public_url.rstrip("/")
    return Inspection(
        running=False,
        bindings=[
            binding_document(
                View(binding=binding, state=states.get(uid) or BindingState(uid=uid)),
                Tally(),
                public_url,
            )
            for uid, binding in configuration.bindings.items()
        ],
    )


def ask_daemon(configuration: Configuration) -> dict[str, Any] | None:
    """`/status.json` of the daemon that listens where the configuration says; None if none does."""
    connection = http.client.HTTPConnection(*address(configuration), timeout=ANSWER_TIMEOUT)
    try:
        connection.request("GET", "/status.json")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return _document(body) if response.status == http.HTTPStatus.OK else None


def _document(body: bytes) -> dict[str, Any] | None:
    """The answer, if it is a repaintd that answered."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    known = isinstance(document, dict) and "daemon" in document and "bindings" in document
    return document if known else None
