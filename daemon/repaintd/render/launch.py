"""How a template worker is started: the interpreter, bare, with nothing of our environment."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from repaintd.render.limits import Limits

_START: Final = "from repaintd.render.worker import main; main()"
_KEPT: Final = ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONTZPATH")  # what Python itself may need


def worker_command(limits: Limits) -> list[str]:
    """The program and its arguments. `-S`: the path is handed over, `site` would be slow."""
    settings = {
        "memory": limits.memory,
        "fuel": limits.fuel,
        "output": limits.output,
        "alarm": 2 * limits.deadline + 1,
    }
    return [sys.executable, "-s", "-S", "-P", "-c", _START, orjson.dumps(settings).decode()]


def worker_environment() -> dict[str, str]:
    """The whole environment of a worker: no secrets."""
    return {
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_TRIM_THRESHOLD_": "131072",  # give memory of large expansions back
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "RUST_BACKTRACE": "0",
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
    }
