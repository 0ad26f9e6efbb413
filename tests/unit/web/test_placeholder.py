from __future__ import annotations

import io

from PIL import Image

from repaintd.web.placeholder import HEIGHT, WIDTH, placeholder


def test_the_placeholder_can_be_seen():
    body = placeholder("image")
    picture = Image.open(io.BytesIO(body)).convert("RGB")
    picture.load()

    assert picture.size == (WIDTH, HEIGHT)
    assert picture.getpixel((0, 0)) == (0xD1, 0xD5, 0xDB)
    assert picture.getpixel((20, 20)) == (0xF3, 0xF4, 0xF6)
    assert picture.getpixel((WIDTH // 2, HEIGHT // 2)) == (0x9C, 0xA3, 0xAF)
    assert len(body) < 1000


def test_the_pixel_cannot():
    picture = Image.open(io.BytesIO(placeholder("pixel")))
    picture.load()

    assert picture.size == (1, 1)
    assert picture.convert("RGBA").getpixel((0, 0))[3] == 0
