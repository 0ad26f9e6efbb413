from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from repaintd.core.image import ServedImage
from repaintd.output.cache import CachedImage, ImageCache


def _image(size: int) -> CachedImage:
    return CachedImage((1, 2, 3), ServedImage(body=b"x" * size, etag="e", modified_at=0.0))


def test_the_least_recently_read_image_goes_first():
    cache = ImageCache(most_bytes=80, most_images=2)
    cache.put("a", _image(10))
    cache.put("b", _image(10))
    cache.get("a")
    cache.put("c", _image(10))
    assert ("a" in cache, "b" in cache, "c" in cache) == (True, False, True)


def test_an_image_that_would_push_out_everything_is_not_kept():
    cache = ImageCache(most_bytes=80, most_images=9)
    cache.put("small", _image(10))
    cache.put("large", _image(11))
    assert ("small" in cache, "large" in cache) == (True, False)


def test_an_image_that_grew_too_large_is_dropped():
    cache = ImageCache(most_bytes=80, most_images=9)
    cache.put("a", _image(10))
    cache.put("a", _image(11))
    assert (len(cache), cache.size) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 12), st.booleans())))
def test_the_bounds_hold_and_the_size_is_true(steps):
    cache = ImageCache(most_bytes=40, most_images=4)
    for name, size, keep in steps:
        if keep:
            cache.put(name, _image(size))
        else:
            cache.drop(name)
        held = [each for each in "abcdef" if each in cache]
        assert cache.size == sum(len(cache.get(each).image.body) for each in held)
        assert cache.size <= 40
        assert len(cache) == len(held) <= 4
