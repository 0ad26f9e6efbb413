"""What differs between two pictures."""

from __future__ import annotations

import pytest
import pyvips

from repaintd.errors import RenderFailed
from repaintd.render.compare import as_png, compare_pictures, size_of

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def picture(colour, width=100, height=50, suffix=".png", spots=()):
    image = pyvips.Image.black(width, height, bands=len(colour)) + list(colour)
    image = image.cast("uchar").copy(interpretation="srgb")
    for x, y, w, h, other in spots:
        image = image.draw_rect(list(other), x, y, w, h, fill=True)
    return bytes(image.write_to_buffer(suffix))


def pixel(body, x, y):
    return tuple(int(each) for each in pyvips.Image.new_from_buffer(body, "").getpoint(x, y))


def is_tinted(colour):
    red, green, _ = colour
    return red - green > 80


def test_equal_pictures_are_identical_and_have_no_difference():
    found = compare_pictures(picture(RED), picture(RED, suffix=".png[compression=0]"))
    assert (found.identical, found.share, found.picture) == (True, 0.0, b"")
    assert compare_pictures(picture(RED), picture(RED)).identical


def test_what_differs_stands_out_and_its_share_is_told():
    found = compare_pictures(picture(WHITE), picture(WHITE, spots=[(10, 10, 20, 25, BLUE)]))
    assert found.share == pytest.approx(500 / 5000)
    assert is_tinted(pixel(found.picture, 15, 15))
    red, green, blue = pixel(found.picture, 80, 40)
    assert red == green == blue > 180


def test_one_pixel_that_is_one_step_off_is_found():
    found = compare_pictures(
        picture(WHITE), picture(WHITE, spots=[(99, 49, 1, 1, (255, 255, 254))])
    )
    assert not found.identical
    assert found.share == pytest.approx(1 / 5000)


def test_what_only_one_of_them_has_differs():
    found = compare_pictures(picture(RED, 100, 50), picture(RED, 80, 100))
    assert size_of(found.picture) == (100, 100)
    assert found.share == pytest.approx((20 * 50 + 80 * 50) / 10_000)
    assert not is_tinted(pixel(found.picture, 40, 25))
    assert is_tinted(pixel(found.picture, 40, 75))
    assert is_tinted(pixel(found.picture, 90, 25))
    assert not is_tinted(pixel(found.picture, 90, 75))  # neither has it


def test_transparent_and_white_differ():
    assert compare_pictures(picture(WHITE), picture((255, 255, 255, 0))).share == 1.0
    assert compare_pictures(picture(WHITE), picture((255, 255, 255, 255))).identical


def test_a_picture_of_any_format_becomes_a_png():
    png = picture(RED)
    assert as_png(png) is png
    for suffix in (".jpg", ".webp"):
        assert size_of(as_png(picture(RED, suffix=suffix))) == (100, 50)


def test_what_is_no_picture_is_refused():
    for call in (as_png, size_of, lambda body: compare_pictures(picture(RED), body)):
        with pytest.raises(RenderFailed, match="cannot be read") as failure:
            call(b"<html>")
        assert failure.value.reason == "compare"
