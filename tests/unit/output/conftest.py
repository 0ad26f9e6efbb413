from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from repaintd.core.binding import Binding, ImageFormat, OutputConfig, SourceConfig
from repaintd.core.image import RenderedImage
from repaintd.output import open_images

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from repaintd.output import ImageDirectory


@pytest.fixture
def make_binding() -> Callable[..., Binding]:
    def make(uid: str = "card", extension: str = "png") -> Binding:
        return Binding(
            uid=uid,
            name=uid,
            template_id="t",
            source=SourceConfig(type="static", spec=None, fingerprint=""),
            output=OutputConfig(format=ImageFormat(extension)),
        )

    return make


@pytest.fixture
def make_image() -> Callable[..., RenderedImage]:
    def make(body: bytes = b"image") -> RenderedImage:
        return RenderedImage(body=body, media_type="image/png", width=3, height=2)

    return make


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


@pytest.fixture
async def images(output: Path) -> AsyncIterator[ImageDirectory]:
    async with open_images(output) as opened:
        yield opened
