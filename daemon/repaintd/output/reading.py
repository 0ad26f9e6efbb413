"""Reads stable files for those who look at them."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from typing import TYPE_CHECKING, Final

import structlog

from repaintd.core.image import ServedImage
from repaintd.output import names
from repaintd.output.cache import CachedImage
from repaintd.output.files import identity
from repaintd.output.tag import entity_tag

if TYPE_CHECKING:
    from pathlib import Path

    from repaintd.output.cache import ImageCache
    from repaintd.output.threads import Threads

log = structlog.get_logger("repaintd.output")

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOT_THERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)
_LARGEST: Final = 256 * 1024 * 1024
_TRIES: Final = 3


class Reader:
    """Answers from memory while the file is the one that was read, which one `stat` tells."""

    def __init__(self, directory: Path, *, cache: ImageCache, threads: Threads) -> None:
        self._prefix = f"{directory}{os.sep}"
        self._cache = cache
        self._threads = threads
        self._loading: dict[str, asyncio.Future[CachedImage | None]] = {}
        self._broken = False

    async def read(self, filename: str) -> ServedImage | None:
        """The whole file and the tag of exactly these bytes; None where there is none.

        A file that cannot be read just now is served from memory if it is there.
        """
        cached = self._cache.get(filename)
        if cached is None and not names.is_image(filename):
            return None
        try:
            status = os.stat(self._prefix + filename, follow_symlinks=False)  # noqa: PTH116 — hot
        except OSError as exc:
            return self._without_file(filename, cached, exc)
        if cached is not None and identity(status) == cached.identity:
            return cached.image
        return await self._load(filename)

    async def _load(self, filename: str) -> ServedImage | None:
        """Read in a thread, once for all who wait; again when the file changed meanwhile."""
        loaded: CachedImage | None = None
        for _ in range(_TRIES):
            try:
                async with asyncio.timeout(self._threads.deadline):
                    loaded = await asyncio.shield(self._load_once(filename))
            except OSError as exc:
                return self._without_file(filename, self._cache.get(filename), exc)
            if loaded is None or self._is_in_place(filename, loaded):
                break
        self._mended()
        if loaded is None:
            self._cache.drop(filename)
            return None
        self._cache.put(filename, loaded)
        return loaded.image

    def _load_once(self, filename: str) -> asyncio.Future[CachedImage | None]:
        loading = self._loading.get(filename)
        if loading is None:
            loading = self._threads.start(lambda: load(self._prefix + filename))
            self._loading[filename] = loading
            loading.add_done_callback(lambda _: self._loading.pop(filename, None))
        return loading

    def _is_in_place(self, filename: str, loaded: CachedImage) -> bool:
        try:
            status = os.stat(self._prefix + filename, follow_symlinks=False)  # noqa: PTH116 — hot
        except OSError:
            return False
        return identity(status) == loaded.identity

    def _without_file(
        self, filename: str, cached: CachedImage | None, exc: OSError
    ) -> ServedImage | None:
        if exc.errno in _NOT_THERE:
            self._cache.drop(filename)
            return None
        if not self._broken:
            self._broken = True
            why = exc.strerror or type(exc).__name__
            log.warning("image cannot be read", file=filename, why=why)
        return None if cached is None else cached.image

    def _mended(self) -> None:
        if self._broken:
            self._broken = False
            log.info("images can be read again")


def load(path: str) -> CachedImage | None:
    """Read the regular file at *path*; None where there is none. Blocks: run it in a thread.

    Raises:
        OSError: it cannot be read.
    """
    try:
        descriptor = os.open(path, _READ)
    except OSError as exc:
        if exc.errno in _NOT_THERE:
            return None
        raise
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > _LARGEST:
            raise OSError(errno.EFBIG, "larger than any image")
        body = file.readall()
    image = ServedImage(body=body, etag=entity_tag(body), modified_at=status.st_mtime)
    return CachedImage(identity(status), image)
