"""An output directory in memory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from repaintd.core.image import PublishedImage, ServedImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from repaintd.core.binding import Binding
    from repaintd.core.image import RenderedImage
    from repaintd.errors import PublishFailed


class MemoryImages:
    """Implements `core.ports.Publisher` and `core.view.Gallery`; `failure` makes it refuse."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.failure: PublishFailed | None = None

    async def publish(self, binding: Binding, image: RenderedImage) -> PublishedImage:
        """Keep the bytes."""
        if self.failure is not None:
            raise self.failure
        changed = self.files.get(binding.filename) != image.body
        self.files[binding.filename] = image.body
        return PublishedImage(
            etag=_tag(image.body),
            size=len(image.body),
            media_type=image.media_type,
            width=image.width,
            height=image.height,
            changed=changed,
        )

    async def missing(self, filenames: Iterable[str]) -> set[str]:
        """Those that were never published, or removed."""
        return set(filenames) - self.files.keys()

    async def altered(self, sizes: Mapping[str, int]) -> set[str]:
        """Those that are not there with just so many bytes."""
        return {name for name, size in sizes.items() if len(self.files.get(name, b"")) != size}

    async def remove(self, uid: str, keep: str | None = None) -> None:
        """Drop the files of *uid*."""
        for name in [n for n in self.files if n.rpartition(".")[0] == uid and n != keep]:
            del self.files[name]

    async def read(self, filename: str) -> ServedImage | None:
        """The bytes, if there are any."""
        body = self.files.get(filename)
        if body is None:
            return None
        return ServedImage(body=body, etag=_tag(body), modified_at=0.0)


def _tag(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]
