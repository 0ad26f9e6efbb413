"""Packing pictures and making PDFs repeatable."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops

from repaintd.plugin import RenderFailed
from repaintd_chromium.encode import Encoder, measure, pack_png
from repaintd_chromium.pdf import normalize_pdf
from repaintd_chromium.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.plugin import RenderJob


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def noise(mode: str) -> Image.Image:
    chance = random.Random(7)
    return Image.frombytes(mode, (64, 64), chance.randbytes(64 * 64 * len(mode)))


def photo() -> Image.Image:
    chance = random.Random(7)
    return Image.frombytes(
        "RGB",
        (128, 128),
        bytes(
            (x * 2 + y * channel + chance.randrange(6)) % 256
            for y in range(128)
            for x in range(128)
            for channel in range(3)
        ),
    )


@pytest.mark.parametrize(
    ("picture", "transparent", "mode"),
    [
        (Image.new("RGB", (300, 200), "#06f"), False, "RGB"),
        (Image.new("RGBA", (300, 200), "#06f"), False, "RGB"),
        (Image.new("RGBA", (300, 200), "#06f8"), True, "RGBA"),
        (noise("RGB"), False, "RGB"),
        (noise("RGBA"), True, "RGBA"),
        (photo(), False, "RGB"),
    ],
)
def test_packing_keeps_every_pixel_and_never_adds_bytes(
    make_job: Callable[..., RenderJob], picture: Image.Image, transparent: bool, mode: str
) -> None:
    body = png(picture)
    image = pack_png(make_job("", transparent=transparent), body)
    packed = Image.open(io.BytesIO(image.body))
    assert packed.mode == mode
    assert ImageChops.difference(packed, picture.convert(mode)).getbbox() is None
    assert (image.width, image.height) == picture.size
    assert len(image.body) <= len(body)


async def test_what_is_no_picture_fails_as_encode(make_job: Callable[..., RenderJob]) -> None:
    async with Threads(1, name="test") as threads:
        for extension in ("png", "jpeg"):
            with pytest.raises(RenderFailed) as failure:
                await Encoder(threads).finish(make_job("", format=extension), b"no picture")
            assert failure.value.reason == "encode"


def test_a_jpeg_is_only_measured(make_job: Callable[..., RenderJob]) -> None:
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, "JPEG")
    image = measure(make_job("", format="jpeg"), file.getvalue())
    assert (image.body, image.width, image.height) == (file.getvalue(), 30, 20)


@pytest.mark.parametrize(
    "date", [b"D:20261120102534+00'00'", b"D:20261120102534Z", b"D:20261120102534", b"D:2026"]
)
def test_dates_of_a_pdf_are_replaced_at_the_same_length(date: bytes) -> None:
    body = b"%PDF-1.4\n<</CreationDate (" + date + b")\n/ModDate (" + date + b")>>\n%%EOF"
    fixed: Any = normalize_pdf(body)
    assert len(fixed) == len(body)
    assert b"2026112" not in fixed
    assert fixed.count(b"(D:2000") == 2
    assert normalize_pdf(fixed) == fixed
