"""Documents that are dear to build: built off the event loop, once for all who ask in a second."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable
    from concurrent.futures import Executor

Key = TypeVar("Key", bound="Hashable")


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes, and the strong entity tag of exactly these bytes, with its quotes."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, body: bytes) -> Document:
        """The document with these bytes."""
        return cls(body, f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"')


class Pages(Generic[Key]):
    """A few documents by key, each kept for a moment after it was built.

    Args:
        prepare: takes what the document is made of, on the event loop, and returns what builds
            the bytes in a thread.
        executor: its threads.
        kept_for: seconds.
    """

    def __init__(
        self,
        prepare: Callable[[Key], Awaitable[Callable[[], bytes]]],
        executor: Executor,
        kept_for: float,
    ) -> None:
        self._prepare = prepare
        self._executor = executor
        self._kept_for = kept_for
        self._kept: dict[Key, Document] = {}
        self._building = asyncio.Lock()

    async def read(self, key: Key) -> Document:
        """The document, at most `kept_for` old."""
        async with self._building:
            document = self._kept.get(key)
            return document or await self._build(key)

    async def _build(self, key: Key) -> Document:
        loop = asyncio.get_running_loop()
        build = await self._prepare(key)
        document = await loop.run_in_executor(self._executor, lambda: Document.of(build()))
        self._kept[key] = document
        loop.call_later(self._kept_for, self._kept.pop, key, None)
        return document
