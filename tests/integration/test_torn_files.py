"""Promise D1: no reader ever sees a torn or missing image, whenever the daemon is killed.

Run as a program, this file is the nursery: it forks a publisher for each line on its standard
input, which is much faster than a new interpreter for each life.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repaintd.core.binding import Binding, SourceConfig
from repaintd.core.image import RenderedImage
from repaintd.errors import PublishFailed
from repaintd.output import entity_tag, open_images
from repaintd.output.cache import ImageCache
from repaintd.output.reading import Reader
from repaintd.output.threads import started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from repaintd.output import ImageDirectory

KILLS = 40
SEED = 1
UIDS = [f"b{number}" for number in range(4)]


def _binding(uid: str) -> Binding:
    source = SourceConfig(type="static", spec=None, fingerprint="")
    return Binding(uid=uid, name=uid, template_id="t", source=source)


def _image(payload: bytes) -> RenderedImage:
    """An image that proves that it is whole: it begins with the hash of what follows."""
    body = hashlib.sha256(payload).digest() + payload
    return RenderedImage(body=body, media_type="image/png", width=1, height=1)


def _is_whole(body: bytes) -> bool:
    return hashlib.sha256(body[32:]).digest() == body[:32]


async def _publish_for_ever(directory: Path) -> None:
    async with open_images(directory) as images:

        async def one(uid: str) -> None:
            while True:
                payload = random.randbytes(random.randrange(300_000))
                await images.publish(_binding(uid), _image(payload))

        await asyncio.gather(*(one(uid) for uid in UIDS))


def _nursery(directory: Path) -> None:
    for _ in sys.stdin:
        pid = os.fork()
        if not pid:
            os.dup2(2, 1)  # the standard output speaks to the test
            random.seed()
            asyncio.run(_publish_for_ever(directory))
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("gone", flush=True)


class Witness:
    """Reads all the time and remembers what should never be seen."""

    def __init__(self, directory: Path) -> None:
        self.faults: list[str] = []
        self.reads = 0
        self._seen: set[str] = set()
        self._files = [directory / f"{uid}.png" for uid in UIDS]
        self._done = threading.Event()

    def stop(self) -> None:
        self._done.set()

    def read_files(self) -> None:
        while not self._done.is_set():
            for path in self._files:
                seen = path.name in self._seen
                try:
                    self._judge(path.name, path.read_bytes(), seen=seen)
                except FileNotFoundError:
                    self._judge(path.name, None, seen=seen)

    async def read_gallery(self, reader: Reader) -> None:
        while not self._done.is_set():
            for path in self._files:
                seen = path.name in self._seen
                served = await reader.read(path.name)
                self._judge(path.name, None if served is None else served.body, seen=seen)
                if served is not None and entity_tag(served.body) != served.etag:
                    self.faults.append(f"{path.name}: tag of other bytes")
            await asyncio.sleep(0)

    def _judge(self, name: str, body: bytes | None, *, seen: bool) -> None:
        """Take note of *body*; *seen* says whether there was one before this read began."""
        self.reads += 1
        if body is None:
            if seen:
                self.faults.append(f"{name}: missing")
        elif _is_whole(body):
            self._seen.add(name)
        else:
            self.faults.append(f"{name}: torn, {len(body)} bytes")


async def _kill_at_random(directory: Path) -> None:
    chance = random.Random(SEED)
    nursery = await asyncio.create_subprocess_exec(
        sys.executable, __file__, str(directory),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    for _ in range(KILLS):
        nursery.stdin.write(b"live\n")
        pid = int(await nursery.stdout.readline())
        await asyncio.sleep(chance.uniform(0.02, 0.25))
        os.kill(pid, signal.SIGKILL)
        assert await nursery.stdout.readline() == b"gone\n"
    nursery.stdin.close()
    await nursery.wait()


@pytest.mark.slow
async def test_no_reader_sees_a_torn_or_missing_image_while_publishers_are_killed(tmp_path):
    witness = Witness(tmp_path)
    with ExitStack() as stack:
        threads = stack.enter_context(started(1, "readers", deadline=10))
        cache = ImageCache(most_bytes=2**24, most_images=9)
        reader = Reader(tmp_path, cache=cache, threads=threads)
        watching = asyncio.create_task(witness.read_gallery(reader), name="gallery")
        thread = threading.Thread(target=witness.read_files, name="files")
        thread.start()
        try:
            await _kill_at_random(tmp_path)
        finally:
            witness.stop()
            await watching
            thread.join()

    assert witness.faults == []
    assert witness.reads > 10 * KILLS
    async with open_images(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == [f"{uid}.png" for uid in UIDS]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    directory = tmp_path / "disk"
    directory.mkdir()
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(directory)]
    if not (mount and unmount) or not _works(command):
        pytest.skip("a tmpfs cannot be mounted here (needs root)")
    yield directory
    subprocess.run([unmount, "-l", str(directory)], check=True)  # noqa: S603 — our own words


def _works(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603 — our own words


async def _fail_full(images: ImageDirectory) -> None:
    with pytest.raises(PublishFailed, match="free space") as caught:
        await images.publish(_binding("b0"), _image(b"x" * 200_000))
    assert caught.value.reason == "disk_full"


async def test_a_disk_that_is_really_full_keeps_the_old_image_and_recovers(tiny_disk):
    filler = tiny_disk / "filler"
    async with open_images(tiny_disk) as images:
        await images.publish(_binding("b0"), _image(b"old"))
        filler.write_bytes(b"x" * (shutil.disk_usage(tiny_disk).free - 50_000))
        for _ in range(3):
            await _fail_full(images)
        assert sorted(path.name for path in tiny_disk.iterdir()) == ["b0.png", "filler"]
        assert (await images.read("b0.png")).body == _image(b"old").body
        filler.unlink()
        assert (await images.publish(_binding("b0"), _image(b"x" * 200_000))).changed


if __name__ == "__main__":
    _nursery(Path(sys.argv[1]))
