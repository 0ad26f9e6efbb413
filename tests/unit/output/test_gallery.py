from __future__ import annotations

import asyncio
import errno
import os
import threading

import pytest
from structlog.testing import capture_logs

from repaintd.output import entity_tag, open_images, reading


async def test_a_published_image_is_read_with_its_tag(images, output, make_binding, make_image):
    published = await images.publish(make_binding(), make_image(b"pixels"))
    served = await images.read("card.png")

    assert (served.body, served.etag) == (b"pixels", published.etag)
    assert served.modified_at == (output / "card.png").stat().st_mtime


async def test_a_second_read_comes_from_memory(images, make_binding, make_image, monkeypatch):
    await images.publish(make_binding(), make_image())
    first = await images.read("card.png")
    monkeypatch.setattr("os.open", None)
    assert await images.read("card.png") is first


async def test_a_new_publication_is_seen_at_once_and_without_reading_the_file(
    images, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image(b"old"))
    await images.read("card.png")
    published = await images.publish(make_binding(), make_image(b"new"))
    monkeypatch.setattr("os.open", None)
    served = await images.read("card.png")
    assert (served.body, served.etag) == (b"new", published.etag)


async def test_an_image_that_nobody_reads_is_not_kept_in_memory(images, make_binding, make_image):
    await images.publish(make_binding(), make_image())
    assert "card.png" not in images._cache


@pytest.mark.parametrize("body", [b"by hand, longer", b"short"])
async def test_a_file_that_an_operator_overwrote_is_noticed(
    images, output, make_binding, make_image, body
):
    await images.publish(make_binding(), make_image(b"pixel"))
    await images.read("card.png")
    (output / "card.png").write_bytes(body)
    os.utime(output / "card.png", (2_000_000_000, 2_000_000_000))
    served = await images.read("card.png")
    assert (served.body, served.etag) == (body, entity_tag(body))


async def test_a_file_that_is_gone_is_not_served_from_memory(
    images, output, make_binding, make_image
):
    await images.publish(make_binding(), make_image())
    await images.read("card.png")
    (output / "card.png").unlink()
    assert await images.read("card.png") is None
    assert len(images._cache) == 0


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../secret.png", "/etc/passwd", "card", ".card.0123456789abcdef.tmp", "a/b.png",
     "CARD.PNG", "card.png\0", "card.png\n", "x" * 300 + ".png"],
)  # fmt: skip
async def test_bad_input_12_a_name_that_is_no_image_is_not_read(images, output, name):
    (output.parent / "secret.png").write_bytes(b"secret")
    (output / "card").write_bytes(b"secret")
    (output / ".card.0123456789abcdef.tmp").write_bytes(b"half")
    assert await images.read(name) is None


async def test_links_folders_and_pipes_are_not_read(images, output):
    (output.parent / "secret.png").write_bytes(b"secret")
    (output / "link.png").symlink_to(output.parent / "secret.png")
    (output / "folder.png").mkdir()
    os.mkfifo(output / "pipe.png")
    for name in ("link.png", "folder.png", "pipe.png"):
        assert await images.read(name) is None


async def test_a_hundred_readers_of_a_new_image_cost_one_read(
    images, output, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image(b"pixels"))
    loads: list[str] = []

    def counted(path: str):
        loads.append(path)
        return load(path)

    load = reading.load
    monkeypatch.setattr("repaintd.output.reading.load", counted)
    served = await asyncio.gather(*(images.read("card.png") for _ in range(100)))
    assert len(loads) == 1
    assert {each.body for each in served} == {b"pixels"}


async def test_a_reader_who_comes_after_a_publication_gets_its_image_even_from_a_slow_read(
    images, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image(b"old"))
    reached, go_on = threading.Event(), threading.Event()
    load = reading.load

    def slow(path: str):
        loaded = load(path)
        reached.set()
        go_on.wait(10)
        return loaded

    monkeypatch.setattr("repaintd.output.reading.load", slow)
    early = asyncio.create_task(images.read("card.png"), name="early")
    await asyncio.to_thread(reached.wait, 10)
    await images.publish(make_binding(), make_image(b"new"))
    late = asyncio.create_task(images.read("card.png"), name="late")
    await asyncio.sleep(0)
    go_on.set()
    assert (await late).body == b"new"
    await early


async def test_a_cancelled_reader_does_not_take_the_others_with_it(
    images, make_binding, make_image
):
    await images.publish(make_binding(), make_image(b"pixels"))
    first, second = (asyncio.create_task(images.read("card.png"), name="r") for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).body == b"pixels"


def _broken(*_: object, **__: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


async def test_a_disk_that_fails_is_answered_from_memory_and_logged_once(
    images, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image(b"good"))
    await images.publish(make_binding("cold"), make_image(b"cold"))
    await images.read("card.png")
    with capture_logs() as logs:
        with monkeypatch.context() as patch:
            patch.setattr("os.stat", _broken)
            patch.setattr("os.open", _broken)
            for _ in range(3):
                assert (await images.read("card.png")).body == b"good"
                assert await images.read("cold.png") is None
        assert (await images.read("cold.png")).body == b"cold"
    assert [each["event"] for each in logs] == ["image cannot be read", "images can be read again"]


async def test_a_changed_file_that_cannot_be_read_is_answered_from_memory(
    images, output, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image(b"good"))
    await images.read("card.png")
    (output / "card.png").write_bytes(b"changed")
    monkeypatch.setattr("repaintd.output.reading.load", _broken)
    assert (await images.read("card.png")).body == b"good"


async def test_a_disk_that_hangs_does_not_hang_the_reader(
    output, make_binding, make_image, monkeypatch
):
    go_on = threading.Event()
    async with open_images(output, deadline=0.05) as images:
        await images.publish(make_binding(), make_image())
        monkeypatch.setattr("repaintd.output.reading.load", lambda _: go_on.wait(10) and None)
        with capture_logs() as logs:
            assert await images.read("card.png") is None
        go_on.set()
    assert logs[0]["why"] == "TimeoutError"


async def test_a_file_larger_than_any_image_is_not_read_into_memory(images, output):
    with (output / "huge.png").open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    with capture_logs() as logs:
        assert await images.read("huge.png") is None
    assert logs[0]["why"] == "larger than any image"


async def test_a_file_that_changes_all_the_time_is_still_answered(
    images, output, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image(b"pixels"))
    load = reading.load
    times = iter(range(1, 100))

    def changing(path: str):
        loaded = load(path)
        os.utime(path, (next(times), 0))
        return loaded

    monkeypatch.setattr("repaintd.output.reading.load", changing)
    assert (await images.read("card.png")).body == b"pixels"


async def test_a_file_that_vanishes_while_it_is_read_is_still_answered_once(
    images, output, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image(b"pixels"))
    load = reading.load

    def vanishing(path: str):
        loaded = load(path)
        (output / "card.png").unlink(missing_ok=True)
        return loaded

    monkeypatch.setattr("repaintd.output.reading.load", vanishing)
    assert await images.read("card.png") is None
