"""The output directory as the rest of the daemon sees it."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, Final

import structlog

from repaintd.core.image import PublishedImage, ServedImage
from repaintd.errors import PublishFailed, StartupFailed
from repaintd.output import files, names
from repaintd.output.cache import CachedImage, ImageCache
from repaintd.output.failure import publish_failed, too_slow
from repaintd.output.reading import Reader
from repaintd.output.tag import entity_tag
from repaintd.output.threads import started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from repaintd.core.binding import Binding
    from repaintd.core.image import RenderedImage
    from repaintd.output.threads import Threads

log = structlog.get_logger("repaintd.output")

_PUBLISHERS: Final = 4
_READERS: Final = 2
_CACHE_BYTES: Final = 64 * 1024 * 1024
_CACHE_IMAGES: Final = 4096
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)


class ImageDirectory:
    """Implements `core.ports.Publisher` and `core.view.Gallery`; made by `open_images`."""

    def __init__(
        self,
        directory: Path,
        *,
        publishers: Threads,
        readers: Threads,
        cache: ImageCache,
    ) -> None:
        self.path = directory
        self._threads = publishers
        self._cache = cache
        self._reader = Reader(directory, cache=cache, threads=readers)
        self._extensions: dict[str, tuple[str, ...]] = {}

    def adopt(self, uid: str, filename: str) -> None:
        """Take a file of an earlier life as one of ours, so that it is removed in its time.

        A name that no file of *uid* can have is ignored.
        """
        extension = names.extension(uid, filename)
        if extension is not None:
            self._own(uid, extension)

    async def publish(self, binding: Binding, image: RenderedImage) -> PublishedImage:
        """Replace the stable file if its bytes differ, then remove those in other formats.

        Cancelled, it leaves the old file or the new one.

        Raises:
            PublishFailed: the old file is still whole and in place.
        """
        filename = binding.filename
        extension = self._checked(binding, image)
        try:
            etag, written = await self._replace(binding.uid, filename, image.body)
        except TimeoutError as exc:
            raise too_slow(self.path / filename, self._threads.deadline) from exc
        except OSError as exc:
            raise publish_failed(self.path / filename, exc) from exc
        if written is not None and filename in self._cache:
            served = ServedImage(body=image.body, etag=etag, modified_at=written[1] / 1e9)
            self._cache.put(filename, CachedImage(written, served))
        self._own(binding.uid, extension)
        await self.remove(binding.uid, keep=filename)
        return _published(image, etag, changed=written is not None)

    async def remove(self, uid: str, keep: str | None = None) -> None:
        """Remove every file published for *uid*, but for the one named *keep*.

        A file that cannot be removed is logged, and tried again the next time.
        """
        filenames = [f"{uid}.{each}" for each in self._extensions.get(uid, ())]
        doomed = [each for each in filenames if each != keep]
        if not doomed:
            return
        try:
            kept = await self._threads.run(lambda: files.remove(self.path, doomed))
        except OSError as exc:
            why = exc.strerror or "no answer in time"
            log.warning("files cannot be removed", uid=uid, why=why)
            return
        for filename in doomed:
            self._cache.drop(filename)
        self._disown(uid, set(doomed) - set(kept))

    async def read(self, filename: str) -> ServedImage | None:
        """The whole file and the tag of exactly these bytes; None where there is none."""
        return await self._reader.read(filename)

    async def missing(self, filenames: Iterable[str]) -> set[str]:
        """Those of *filenames* that are not in place; all when the directory cannot be listed."""
        return set(filenames) - (await self._present()).keys()

    async def altered(self, sizes: Mapping[str, int]) -> set[str]:
        """Those of *sizes*, by file name, that are not in place with just so many bytes."""
        there = await self._present()
        return {name for name, size in sizes.items() if there.get(name) != size}

    async def _present(self) -> dict[str, int]:
        try:
            return await self._threads.run(lambda: files.present(self.path))
        except OSError as exc:
            log.warning("output directory cannot be listed", path=str(self.path), why=str(exc))
            return {}

    def _checked(self, binding: Binding, image: RenderedImage) -> str:
        extension = names.extension(binding.uid, binding.filename)
        if extension is None:
            raise PublishFailed(
                f"{binding.filename!r} cannot be the name of an image; the uid must match "
                "[a-z0-9][a-z0-9._-]{0,63}",
                reason="name",
            )
        if not image.body:
            raise PublishFailed(f"the image of {binding.uid!r} has no bytes", reason="empty")
        return extension

    async def _replace(
        self, uid: str, filename: str, body: bytes
    ) -> tuple[str, files.Identity | None]:
        attempt = files.Attempt()

        def work() -> tuple[str, files.Identity | None]:
            attempt.check()
            return entity_tag(body), files.replace(self.path, uid, filename, body, attempt)

        try:
            return await self._threads.run(work)
        except BaseException:
            attempt.abandoned = True
            raise

    def _own(self, uid: str, extension: str) -> None:
        owned = self._extensions.get(uid, ())
        if extension not in owned:
            self._extensions[uid] = (*owned, extension)

    def _disown(self, uid: str, filenames: set[str]) -> None:
        left = tuple(
            each for each in self._extensions.get(uid, ()) if f"{uid}.{each}" not in filenames
        )
        if left:
            self._extensions[uid] = left
        else:
            self._extensions.pop(uid, None)


@contextlib.asynccontextmanager
async def open_images(
    directory: Path,
    *,
    cache_bytes: int = _CACHE_BYTES,
    cache_images: int = _CACHE_IMAGES,
    deadline: float = 30.0,
) -> AsyncIterator[ImageDirectory]:
    """Open the output *directory*, making it if need be, and sweep out unfinished images.

    Args:
        directory: may be read by others; what is not ours there is left alone.
        cache_bytes: most bytes of images kept in memory for readers.
        cache_images: most images kept in memory.
        deadline: seconds until a disk that does not answer is an error.

    Raises:
        StartupFailed: it cannot be written; the message says what to do.
    """
    path = directory.absolute()  # noqa: ASYNC240 — reads no file system
    with (
        started(_PUBLISHERS, "images.publish", deadline=deadline) as publishers,
        started(_READERS, "images.read", deadline=deadline) as readers,
    ):
        await _prepare(path, publishers)
        cache = ImageCache(most_bytes=cache_bytes, most_images=cache_images)
        yield ImageDirectory(path, publishers=publishers, readers=readers, cache=cache)


async def _prepare(directory: Path, threads: Threads) -> None:
    try:
        await threads.run(lambda: _write_and_sweep(directory))
    except OSError as exc:
        why = exc.strerror or "no answer in time"
        raise StartupFailed(
            f"the output directory {directory} cannot be written ({why}): make it writable for "
            "the daemon's user, or choose another one with --output-dir"
        ) from exc


def _write_and_sweep(directory: Path) -> None:
    try:
        files.try_writing(directory)
    except OSError as exc:
        if exc.errno not in _NO_SPACE:
            raise
        log.warning("disk of the output directory is full", path=str(directory))
    swept = files.sweep(directory)
    if swept:
        log.info("unfinished images swept out", count=swept)


def _published(image: RenderedImage, etag: str, *, changed: bool) -> PublishedImage:
    return PublishedImage(
        etag=etag,
        size=len(image.body),
        media_type=image.media_type,
        width=image.width,
        height=image.height,
        changed=changed,
    )
