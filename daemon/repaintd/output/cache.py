"""Images in memory, the least recently read ones dropped first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from repaintd.core.image import ServedImage
    from repaintd.output.files import Identity

_LARGEST_SHARE: Final = 8
"""An image larger than this part of the cache is not kept: it would push out everything."""


@dataclass(frozen=True, slots=True)
class CachedImage:
    """One image, and the file that it was read from."""

    identity: Identity
    image: ServedImage


class ImageCache:
    """Bounded in bytes and in number."""

    def __init__(self, *, most_bytes: int, most_images: int) -> None:
        self.size = 0
        self._most_bytes = most_bytes
        self._most_images = most_images
        self._images: OrderedDict[str, CachedImage] = OrderedDict()

    def __len__(self) -> int:
        return len(self._images)

    def __contains__(self, filename: str) -> bool:
        return filename in self._images

    def get(self, filename: str) -> CachedImage | None:
        """The image read last from *filename*, which may have changed meanwhile."""
        found = self._images.get(filename)
        if found is not None:
            self._images.move_to_end(filename)
        return found

    def put(self, filename: str, cached: CachedImage) -> None:
        """Keep it, if it is not too large."""
        self.drop(filename)
        if len(cached.image.body) > self._most_bytes // _LARGEST_SHARE:
            return
        self._images[filename] = cached
        self.size += len(cached.image.body)
        while self.size > self._most_bytes or len(self._images) > self._most_images:
            self.drop(next(iter(self._images)))

    def drop(self, filename: str) -> None:
        """Keep it no longer."""
        dropped = self._images.pop(filename, None)
        if dropped is not None:
            self.size -= len(dropped.image.body)
