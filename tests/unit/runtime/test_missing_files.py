from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog
from structlog.testing import capture_logs

from repaintd.core.state import BindingState, StoredImage, Trigger
from repaintd.runtime.catalogue import Catalogue
from repaintd.runtime.missing_files import forget_missing, forget_unrecorded, watch_files
from repaintd.testing import MemoryImages, sample_binding, sample_template

IMAGE = StoredImage(
    etag="e", size=1, format="png", media_type="image/png", width=1, height=1, published_at=0.0
)


def catalogue(*, paused: bool = False) -> Catalogue:
    found = Catalogue()
    states = {
        uid: BindingState(uid=uid, image=IMAGE, render_fingerprint="f") for uid in ("here", "gone")
    }
    bindings = {uid: sample_binding(uid=uid, paused=paused) for uid in ("here", "gone", "new")}
    found.load(bindings, {"plain": sample_template()}, states, 0.0)
    return found


async def test_only_what_was_published_and_is_gone_is_forgotten():
    images = MemoryImages()
    images.files["here.png"] = b"x"
    found = catalogue()
    assert [entry.binding.uid for entry in await forget_missing(found, images)] == ["gone"]
    assert found.get("gone").state.render_fingerprint == ""
    assert found.get("here").state.render_fingerprint == "f"


async def test_at_a_start_a_file_that_was_never_recorded_is_drawn_over():
    images = MemoryImages()
    images.files.update({"here.png": b"x", "gone.png": b"another image, cut off before its record"})
    found = catalogue()
    await forget_unrecorded(found, images)
    assert found.get("gone").state.render_fingerprint == ""
    assert found.get("here").state.render_fingerprint == "f"


async def test_a_file_that_goes_while_the_daemon_runs_is_drawn_again():
    images, triggered = MemoryImages(), []
    images.files.update({"here.png": b"x", "gone.png": b"x"})
    changed = asyncio.Event()

    def trigger(uid: str, how: Trigger) -> bool:
        triggered.append((uid, how))
        changed.set()
        return True

    log = structlog.get_logger()
    task = asyncio.create_task(watch_files(catalogue(), images, trigger, log, 0.001), name="files")
    await asyncio.sleep(0.01)
    assert triggered == []
    with capture_logs() as logs:
        del images.files["gone.png"]
        async with asyncio.timeout(5):
            await changed.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert triggered[0] == ("gone", Trigger.UPDATE)
    assert logs[0]["binding"] == "gone"


async def test_a_paused_binding_is_not_drawn():
    images, triggered = MemoryImages(), []
    found = catalogue(paused=True)
    log = structlog.get_logger()
    task = asyncio.create_task(
        watch_files(found, images, lambda *call: triggered.append(call), log, 0.001), name="files"
    )
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert triggered == []
    assert found.get("gone").state == replace(found.get("gone").state, render_fingerprint="")
