"""The directory of stable files: images are put in place whole or not at all (DESIGN 2.4)."""

from __future__ import annotations

from repaintd.output.directory import ImageDirectory, open_images
from repaintd.output.tag import entity_tag

__all__ = ["ImageDirectory", "entity_tag", "open_images"]
