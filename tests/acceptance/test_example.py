"""The example configuration as it is shipped, on another port."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

CONFIG = Path(__file__).parents[2] / "config"
SIGNATURES = {".png": b"\x89PNG", ".jpeg": b"\xff\xd8\xff", ".webp": b"RIFF", ".pdf": b"%PDF"}


@pytest.fixture
def example(home):
    """The example on the port of the test; its poll of itself follows."""
    port = str(home.port)
    target = home.home / "config"
    shutil.rmtree(target)
    shutil.copytree(CONFIG, target)
    for path in target.rglob("*.yaml"):
        text = path.read_text().replace("127.0.0.1:8080", f"127.0.0.1:{port}")
        text = text.replace("minTtlSeconds: 60", "minTtlSeconds: 1")
        path.write_text(text.replace("ttlSeconds: 60", "ttlSeconds: 2"))
    return home


async def test_within_a_minute_real_images_of_all_formats_lie_in_the_output_directory(example):
    async with example.running():
        _, _, body = await example.get("/status.json")
        bindings = json.loads(body)["bindings"]
        drawn = {b["uid"] for b in bindings if b["status"] != "paused"}
        await example.until(
            lambda: {e["binding"] for e in example.events("binding.updated")} >= drawn, 60
        )
        assert not example.said("binding failed")
        seen = set()
        for uid in drawn:
            (file,) = example.output.glob(f"{uid}.*")
            assert file.read_bytes().startswith(SIGNATURES[file.suffix])
            status, _, served = await example.get(f"/b/{file.name}")
            assert (status, served) == (200, file.read_bytes())
            seen.add(file.suffix)
        assert seen == set(SIGNATURES)
        assert {b["dataSource"]["type"] for b in bindings} == {"static", "http", "webhook"}
        assert [b["uid"] for b in bindings if b["status"] == "paused"]


async def test_the_daemon_polls_itself_and_is_told_when_nothing_changed(example):
    async with example.running():
        await example.until(lambda: example.events("binding.updated", "self-portrait"), 60)
        await example.until(lambda: example.events("binding.updated", "datasheet"), 60)

        async def asked() -> dict[str, float]:
            name = 'repaintd_fetches_total{binding="datasheet",result="not_modified"}'
            metrics = await example.metrics()
            skipped = metrics['repaintd_work_skipped_total{binding="datasheet",level="fetch"}']
            return {"not_modified": metrics[name], "skipped": skipped}

        for _ in range(100):
            if (await asked())["not_modified"] >= 2:
                break
            await asyncio.sleep(0.2)
        counts = await asked()
        assert counts["not_modified"] == counts["skipped"] >= 2
