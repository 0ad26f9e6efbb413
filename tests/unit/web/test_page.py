from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from repaintd.web.page import Document, Pages

LONG = 3600.0


class Press:
    """Counts what it prints, and remembers in which thread."""

    def __init__(self):
        self.printed = []
        self.threads = set()
        self.fault = None

    async def prepare(self, key):
        number = len(self.printed)
        self.printed.append(key)

        def build():
            self.threads.add(threading.current_thread().name)
            if self.fault:
                raise self.fault
            return f"{key} {number}".encode()

        return build


@pytest.fixture
def executor():
    with ThreadPoolExecutor(1, thread_name_prefix="press") as executor:
        yield executor


async def test_a_document_is_built_once_for_all_who_ask_and_off_the_event_loop(executor):
    press = Press()
    pages = Pages(press.prepare, executor, LONG)

    documents = await asyncio.gather(*(pages.read("a") for _ in range(10)))

    assert {document.body for document in documents} == {b"a 0"}
    assert press.printed == ["a"]
    assert press.threads == {"press_0"}


async def test_each_key_has_its_own_document(executor):
    press = Press()
    pages = Pages(press.prepare, executor, LONG)

    first, second = await pages.read("a"), await pages.read("b")

    assert (first.body, second.body) == (b"a 0", b"b 1")


async def test_a_document_is_not_kept_for_long(executor):
    press = Press()
    pages = Pages(press.prepare, executor, 0.0)

    await pages.read("a")
    await asyncio.sleep(0.01)
    await pages.read("a")

    assert press.printed == ["a", "a"]


async def test_a_failure_is_told_and_not_kept(executor):
    press = Press()
    pages = Pages(press.prepare, executor, LONG)
    press.fault = ValueError("out of ink")

    with pytest.raises(ValueError, match="out of ink"):
        await pages.read("a")

    press.fault = None
    assert (await pages.read("a")).body == b"a 1"


def test_equal_bytes_have_an_equal_tag_and_others_another():
    assert Document.of(b"a") == Document.of(b"a")
    assert Document.of(b"a").etag != Document.of(b"b").etag
    assert Document.of(b"a").etag.startswith('"')
