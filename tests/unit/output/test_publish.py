from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
import threading

import pytest
from structlog.testing import capture_logs

from repaintd.errors import PublishFailed, StartupFailed
from repaintd.output import open_images
from repaintd.output.failure import REASONS


async def test_the_image_lies_in_place_whole(images, output, make_binding, make_image):
    published = await images.publish(make_binding(), make_image(b"pixels"))

    assert (output / "card.png").read_bytes() == b"pixels"
    assert published.changed
    assert published.etag == hashlib.sha256(b"pixels").hexdigest()[:32]
    assert (published.size, published.width, published.height) == (6, 3, 2)
    assert published.media_type == "image/png"


async def test_other_bytes_replace_the_file(images, output, make_binding, make_image):
    await images.publish(make_binding(), make_image(b"old"))
    published = await images.publish(make_binding(), make_image(b"new"))

    assert published.changed
    assert (output / "card.png").read_bytes() == b"new"


async def test_a_reader_that_has_the_old_file_open_goes_on_reading_it(
    images, output, make_binding, make_image
):
    await images.publish(make_binding(), make_image(b"old"))
    with (output / "card.png").open("rb") as reader:
        await images.publish(make_binding(), make_image(b"new"))
        assert reader.read() == b"old"


async def test_the_same_bytes_touch_nothing(images, output, make_binding, make_image):
    await images.publish(make_binding(), make_image())
    before = (output / "card.png").stat()
    published = await images.publish(make_binding(), make_image())

    assert not published.changed
    after = (output / "card.png").stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


async def test_after_a_restart_the_file_itself_is_compared(output, make_binding, make_image):
    async with open_images(output) as images:
        await images.publish(make_binding(), make_image(b"same"))
    async with open_images(output) as images:
        assert not (await images.publish(make_binding(), make_image(b"same"))).changed
        (output / "card.png").write_bytes(b"oops")
        assert (await images.publish(make_binding(), make_image(b"same"))).changed
    assert (output / "card.png").read_bytes() == b"same"


async def test_a_file_that_was_removed_is_put_back(images, output, make_binding, make_image):
    await images.publish(make_binding(), make_image())
    (output / "card.png").unlink()

    assert (await images.publish(make_binding(), make_image())).changed
    assert (output / "card.png").exists()


async def test_a_directory_that_was_removed_is_made_anew(images, output, make_binding, make_image):
    output.rmdir()
    await images.publish(make_binding(), make_image())
    assert (output / "card.png").exists()


async def test_the_file_has_the_mode_that_the_umask_leaves(
    images, output, make_binding, make_image
):
    old = os.umask(0o027)
    try:
        await images.publish(make_binding(), make_image())
    finally:
        os.umask(old)
    assert stat.S_IMODE((output / "card.png").stat().st_mode) == 0o640


async def test_everything_is_synced_before_and_after_the_rename(
    images, make_binding, make_image, monkeypatch
):
    calls: list[str] = []
    fsync, rename = os.fsync, os.rename

    def record_fsync(descriptor: int) -> None:
        kind = "directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        calls.append(f"fsync {kind}")
        fsync(descriptor)

    def record_rename(*args, **kwargs) -> None:
        calls.append("rename")
        rename(*args, **kwargs)

    monkeypatch.setattr("os.fsync", record_fsync)
    monkeypatch.setattr("os.rename", record_rename)
    await images.publish(make_binding(), make_image())
    assert calls == ["fsync file", "rename", "fsync directory"]


async def test_a_short_write_is_continued(images, output, make_binding, make_image, monkeypatch):
    write = os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: write(descriptor, data[:3]))
    await images.publish(make_binding(), make_image(b"0123456789"))
    assert (output / "card.png").read_bytes() == b"0123456789"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EACCES, "permission"),
        (errno.EPERM, "permission"),
        (errno.EROFS, "read_only"),
        (errno.EIO, "io"),
        (errno.EMFILE, "file_limit"),
        (errno.EFBIG, "too_large"),
        (errno.ETIMEDOUT, "timeout"),
    ],
)
@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
async def test_a_failing_step_keeps_the_old_image_and_leaves_no_temporary_file(  # noqa: PLR0917 — fixtures
    images, output, make_binding, make_image, monkeypatch, step, code, reason
):
    await images.publish(make_binding(), make_image(b"old"))

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(f"os.{step}", fail)
    with pytest.raises(PublishFailed, match=r"cannot replace .*card\.png") as caught:
        await images.publish(make_binding(), make_image(b"new!"))
    monkeypatch.undo()

    assert caught.value.reason == reason
    assert reason in REASONS
    assert [path.name for path in output.iterdir()] == ["card.png"]
    assert (output / "card.png").read_bytes() == b"old"
    assert (await images.publish(make_binding(), make_image(b"new!"))).changed


async def test_what_is_no_regular_file_is_left_alone(images, output, make_binding, make_image):
    (output / "card.png").mkdir()
    (output / "link.png").symlink_to(output / "elsewhere")
    for uid in ("card", "link"):
        with pytest.raises(PublishFailed, match="move it away") as caught:
            await images.publish(make_binding(uid), make_image())
        assert caught.value.reason == "in_the_way"
    assert (output / "link.png").is_symlink()
    assert not (output / "elsewhere").exists()


async def test_a_file_that_cannot_be_read_for_comparing_is_replaced(
    images, output, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image(b"same"))
    with monkeypatch.context() as patch:
        patch.setattr("os.fdopen", _no_space)
        assert (await images.publish(make_binding(), make_image(b"same"))).changed


async def test_an_unfinished_image_that_cannot_be_removed_hides_no_error(
    images, output, make_binding, make_image, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr("os.rename", _no_space)
        patch.setattr("os.unlink", _broken_disk)
        with pytest.raises(PublishFailed, match="No space left"):
            await images.publish(make_binding(), make_image())


def _broken_disk(*_: object, **__: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


async def test_an_output_directory_that_became_a_file_is_named(
    images, output, make_binding, make_image
):
    output.rmdir()
    output.write_text("")
    with pytest.raises(PublishFailed) as caught:
        await images.publish(make_binding(), make_image())
    assert caught.value.reason == "in_the_way"


@pytest.mark.parametrize(
    "uid", ["../escape", "a/b", "", ".hidden", "UPPER", "x" * 65, "nul\0", "line\n"]
)
async def test_bad_input_12_a_uid_that_is_no_file_name_is_refused(
    images, output, make_binding, make_image, uid
):
    with pytest.raises(PublishFailed) as caught:
        await images.publish(make_binding(uid), make_image())
    assert caught.value.reason == "name"
    assert list(output.iterdir()) == []


async def test_an_image_without_bytes_is_refused(images, output, make_binding, make_image):
    await images.publish(make_binding(), make_image(b"good"))
    with pytest.raises(PublishFailed) as caught:
        await images.publish(make_binding(), make_image(b""))
    assert caught.value.reason == "empty"
    assert (output / "card.png").read_bytes() == b"good"


async def test_a_file_in_another_format_goes_only_when_the_new_one_is_in_place(
    images, output, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image())
    with monkeypatch.context() as patch:
        patch.setattr("os.rename", _no_space)
        with pytest.raises(PublishFailed):
            await images.publish(make_binding(extension="webp"), make_image())
    assert (output / "card.png").exists()

    await images.publish(make_binding(extension="webp"), make_image())
    assert [path.name for path in output.iterdir()] == ["card.webp"]


def _no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_an_adopted_file_of_an_earlier_life_goes_too(
    images, output, make_binding, make_image
):
    (output / "card.jpeg").write_bytes(b"old")
    images.adopt("card", "card.jpeg")
    await images.publish(make_binding(), make_image())
    assert [path.name for path in output.iterdir()] == ["card.png"]


@pytest.mark.parametrize("name", ["../card.png", "card", "other.png", "card.p/ng", "card.png/.."])
async def test_a_name_that_no_file_of_the_binding_can_have_is_not_adopted(images, output, name):
    (output / "other.png").write_bytes(b"")
    images.adopt("card", name)
    await images.remove("card")
    assert (output / "other.png").exists()


async def test_files_that_others_put_there_are_left_alone(images, output, make_binding, make_image):
    for name in ("index.html", "card.gif", "card.png.bak", "card", ".htaccess"):
        (output / name).write_text("")
    await images.publish(make_binding(), make_image())
    await images.publish(make_binding(extension="webp"), make_image())
    await images.remove("card")
    left = {path.name for path in output.iterdir()}
    assert left == {"index.html", "card.gif", "card.png.bak", "card", ".htaccess"}


async def test_removing_a_binding_removes_its_file(images, output, make_binding, make_image):
    await images.publish(make_binding(), make_image())
    await images.remove("card")
    await images.remove("card")
    assert list(output.iterdir()) == []
    assert await images.read("card.png") is None


async def test_a_file_that_is_gone_already_counts_as_removed(
    images, output, make_binding, make_image
):
    await images.publish(make_binding(), make_image())
    (output / "card.png").unlink()
    with capture_logs() as logs:
        await images.remove("card")
    assert logs == []
    assert images._extensions == {}


async def test_a_file_that_cannot_be_removed_is_logged_and_tried_again(
    images, output, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image())
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr("os.unlink", _no_space)
        await images.remove("card")
    assert [each["event"] for each in logs] == ["file cannot be removed"]
    await images.remove("card")
    assert list(output.iterdir()) == []


async def test_a_directory_that_cannot_be_opened_for_removing_is_logged(
    images, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image())
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr("os.open", _no_space)
        await images.remove("card")
    assert [each["event"] for each in logs] == ["files cannot be removed"]


async def test_a_rename_that_cannot_be_synced_is_a_warning_not_a_failure(
    images, make_binding, make_image, monkeypatch
):
    fsync = os.fsync

    def no_directories(code: int):
        def sync(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(code, os.strerror(code))
            fsync(descriptor)

        return sync

    with capture_logs() as logs:
        for code in (errno.EINVAL, errno.EIO):
            monkeypatch.setattr("os.fsync", no_directories(code))
            assert (await images.publish(make_binding(), make_image(b"%d" % code))).changed
    assert [each["event"] for each in logs] == ["output directory cannot be synced"]


class _Gate:
    """Holds `os.fsync` of files, as a disk that hangs does."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._fsync = os.fsync

    def fsync(self, descriptor: int) -> None:
        self.reached.set()
        self.go_on.wait(10)
        self._fsync(descriptor)


async def _until_empty(output) -> None:
    async with asyncio.timeout(10):
        while any(output.glob(".*.tmp")):
            await asyncio.sleep(0.001)


async def test_a_cancelled_publication_leaves_the_old_image_and_no_temporary_file(
    images, output, make_binding, make_image, monkeypatch
):
    await images.publish(make_binding(), make_image(b"old"))
    gate = _Gate()
    monkeypatch.setattr("os.fsync", gate.fsync)
    task = asyncio.create_task(images.publish(make_binding(), make_image(b"new")), name="late")
    await asyncio.to_thread(gate.reached.wait, 10)
    task.cancel()
    await asyncio.wait([task])
    gate.go_on.set()
    await _until_empty(output)

    assert task.cancelled()
    assert (output / "card.png").read_bytes() == b"old"


async def test_a_disk_that_hangs_is_a_timeout_and_nothing_is_put_in_place_later(
    output, make_binding, make_image, monkeypatch
):
    async with open_images(output, deadline=0.05) as images:
        gate = _Gate()
        monkeypatch.setattr("os.fsync", gate.fsync)
        with pytest.raises(PublishFailed, match=r"no answer within 0\.05 s") as caught:
            await images.publish(make_binding(), make_image())
        gate.go_on.set()
        await _until_empty(output)

    assert caught.value.reason == "timeout"
    assert list(output.iterdir()) == []


async def test_a_publication_given_up_before_its_turn_does_nothing(
    images, output, make_binding, make_image, monkeypatch
):
    gate = _Gate()
    monkeypatch.setattr("os.fsync", gate.fsync)
    tasks = [
        asyncio.create_task(images.publish(make_binding(f"b{n}"), make_image()), name=f"b{n}")
        for n in range(12)
    ]
    await asyncio.to_thread(gate.reached.wait, 10)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    gate.go_on.set()
    await _until_empty(output)
    assert await images.missing([f"b{n}.png" for n in range(12)]) == {
        f"b{n}.png" for n in range(12)
    }


async def test_missing_files_are_found(images, output, make_binding, make_image):
    await images.publish(make_binding("there"), make_image())
    (output / "folder.png").mkdir()
    names = ["there.png", "gone.png", "folder.png"]
    assert await images.missing(names) == {"gone.png", "folder.png"}
    size = len(make_image().body)
    assert await images.altered({"there.png": size}) == set()
    wanted = {"there.png": size + 1, "gone.png": 0, "folder.png": 4096}
    assert await images.altered(wanted) == wanted.keys()


async def test_all_files_are_missing_where_there_is_no_directory(images, output):
    output.rmdir()
    with capture_logs() as logs:
        assert await images.missing(["card.png"]) == {"card.png"}
    assert [each["event"] for each in logs] == ["output directory cannot be listed"]


async def test_unfinished_images_of_an_earlier_life_are_swept_and_nothing_else(output):
    output.mkdir()
    unfinished = output / ".card.0123456789abcdef.tmp"
    others = [".card.tmp", ".card.xyz.tmp", "card.0123456789abcdef.tmp", "notes.tmp"]
    for name in (unfinished.name, *others):
        (output / name).write_text("")
    (output / ".folder.0123456789abcdef.tmp").mkdir()
    with capture_logs() as logs:
        async with open_images(output):
            left = {path.name for path in output.iterdir()}
    assert left == {*others, ".folder.0123456789abcdef.tmp"}
    assert [(each["event"], each["count"]) for each in logs] == [("unfinished images swept out", 1)]


async def test_what_cannot_be_swept_does_not_keep_the_daemon_from_starting(output, monkeypatch):
    output.mkdir()
    (output / ".card.0123456789abcdef.tmp").write_text("")
    unlink = os.unlink

    def refuse(name, **kwargs) -> None:
        if name.startswith(".card."):
            _broken_disk()
        unlink(name, **kwargs)

    monkeypatch.setattr("os.unlink", refuse)
    with capture_logs() as logs:
        async with open_images(output):
            pass
    assert [each["event"] for each in logs] == ["file cannot be removed"]


async def test_an_output_directory_that_cannot_be_written_keeps_the_daemon_from_starting(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupFailed, match=r"cannot be written .* --output-dir"):
        async with open_images(tmp_path / "file"):
            pass


async def test_a_full_disk_does_not_keep_the_daemon_from_starting(output, monkeypatch):
    output.mkdir()
    real_open = os.open

    def full(path, flags, *args, **kwargs):
        if flags & os.O_CREAT:
            _no_space()
        return real_open(path, flags, *args, **kwargs)

    monkeypatch.setattr("os.open", full)
    with capture_logs() as logs:
        async with open_images(output):
            pass
    assert [each["event"] for each in logs] == ["disk of the output directory is full"]
