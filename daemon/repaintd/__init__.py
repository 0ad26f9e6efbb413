"""repaintd keeps images in step with the data they show."""

from __future__ import annotations

from importlib import metadata

__version__ = metadata.version("repaintd")
