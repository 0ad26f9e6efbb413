"""repaintd keeps images in step with the data they show."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """`__version__`, looked up when it is asked for: the template workers never do."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import metadata  # noqa: PLC0415 — it costs a worker a third of its start

    return metadata.version("repaintd")
