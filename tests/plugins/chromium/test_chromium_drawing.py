"""What is drawn: formats, sizes, pixels, assets."""

from __future__ import annotations

import asyncio
import base64
import io
import os
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops
from playwright.async_api import async_playwright

from repaintd_chromium.lookup import find_browser

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.plugin import Renderer, RenderJob

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]

CARD = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; width: 600px; height: 315px; font: 24px sans-serif; color: #fff;
       background: linear-gradient(135deg, #1e1b4b, #6d28d9 50%, #db2777) }
div { margin: 30px; padding: 30px; border-radius: 20px; background: #0006;
      box-shadow: 0 12px 40px #000a }
</style><div><h1>Grüße &amp; 数字 🎉</h1><p>Kept in step with its data.</p></div>"""
RED = "<!doctype html><body style='margin:0;background:#f00'>"
GREEN_SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">'
    b'<rect width="60" height="40" fill="#0f0"/></svg>'
)
# one glyph, "A", a black square as large as the font: made for this test
BLOCK_FONT = base64.b64decode(
    "d09GMgABAAAAAAEEAAoAAAAAAmAAAAC9AAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAABmAANAoYNgE2AiQDBgsGAAQg"
    "BVoHIBvDAUAvCuw2MgVbwb5wI56Q1kR8dPjOu93fagp30FgVgAjnQMLRGx67L47T8UiSw0opiQ7JU1PY+X8NrJPj"
    "Ex0wALpRIBrhSfPPE8lTRqLYZKG9fqOqmS00M8DniG9SIATfAxgo3CrBrfaA1oLvf3hMAmCARtBYABqQzuqyNOcE"
    "gvDzbj/1t66a8PuaCtcsKAOEmrAGiKcmCIYWMFS1tTcBsUDAsLJQ0huxtbc9HN3fn95EXU7RSsOU9igcIAA="
)


@pytest.mark.parametrize(
    ("extension", "media_type", "kind"),
    [("png", "image/png", "PNG"), ("jpeg", "image/jpeg", "JPEG"), ("webp", "image/webp", "WEBP")],
)
async def test_a_picture_has_the_format_and_size_that_were_asked_for(
    renderer: Renderer,
    make_job: Callable[..., RenderJob],
    extension: str,
    media_type: str,
    kind: str,
) -> None:
    image = await renderer.render(make_job(RED, format=extension, width=120, height=63))
    picture = Image.open(io.BytesIO(image.body))
    assert (picture.format, picture.size) == (kind, (120, 63))
    assert (image.media_type, image.width, image.height) == (media_type, 120, 63)
    red, green, blue = picture.convert("RGB").getpixel((60, 30))
    assert red > 250
    assert max(green, blue) < 5


@pytest.mark.parametrize(("scale", "size"), [(2.0, (120, 80)), (1.5, (90, 60)), (0.5, (30, 20))])
async def test_scale_multiplies_the_pixels_and_not_the_layout(
    renderer: Renderer, make_job: Callable[..., RenderJob], opened: Any, scale: float, size: Any
) -> None:
    half = RED + "<div style='position:absolute;right:0;width:50%;height:100%;background:#00f'>"
    picture = opened(await renderer.render(make_job(half, scale=scale)))
    assert picture.size == size
    assert picture.getpixel((size[0] // 4, 5)) == (255, 0, 0)
    assert picture.getpixel((size[0] * 3 // 4, 5)) == (0, 0, 255)


async def test_a_pdf_is_one_page_as_large_as_the_viewport(
    renderer: Renderer, make_job: Callable[..., RenderJob]
) -> None:
    tall = "<!doctype html><div style='height:5000px'>long</div>"
    image = await renderer.render(make_job(tall, format="pdf", width=1200, height=630))
    assert image.body.startswith(b"%PDF-")
    assert b"/Count 1" in image.body
    assert b"/MediaBox [0 0 900 473" in image.body  # Chromium knows whole points only
    assert (image.media_type, image.width, image.height) == ("application/pdf", 1200, 630)


async def test_a_png_has_the_pixels_of_playwrights_own_screenshots(
    renderer: Renderer, make_job: Callable[..., RenderJob]
) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_browser(os.environ.get("REPAINTD_BROWSER") or "auto"),
            chromium_sandbox=os.geteuid() != 0,
        )
        page = await browser.new_page(viewport={"width": 600, "height": 315})
        await page.set_content(CARD)
        theirs = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
        page = await browser.new_page(viewport={"width": 600, "height": 315}, device_scale_factor=2)
        await page.set_content(CARD)
        theirs_2x = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
        await browser.close()
    for scale, expected in ((1.0, theirs), (2.0, theirs_2x)):
        for javascript in (False, True):
            job = make_job(CARD, width=600, height=315, scale=scale, javascript=javascript)
            ours = Image.open(io.BytesIO((await renderer.render(job)).body))
            assert ImageChops.difference(ours, expected).getbbox() is None


async def test_a_transparent_template_leaves_out_the_background_but_not_in_a_jpeg(
    renderer: Renderer, make_job: Callable[..., RenderJob], opened: Any
) -> None:
    half = "<body style='margin:0'><div style='width:30px;height:40px;background:#f008'>"
    for extension in ("png", "jpeg", "webp", "png"):  # one warm page for all of them
        image = await renderer.render(make_job(half, format=extension, transparent=True))
        picture = opened(image)
        if extension == "jpeg":
            assert picture.getpixel((50, 20)) == (255, 255, 255)
        else:
            assert picture.mode == "RGBA"
            assert picture.getpixel((50, 20)) == (0, 0, 0, 0)
            assert picture.getpixel((10, 20))[3] == 136


async def test_an_opaque_template_is_white_and_has_no_alpha(
    renderer: Renderer, make_job: Callable[..., RenderJob], opened: Any
) -> None:
    picture = opened(await renderer.render(make_job("<p>")))
    assert picture.mode == "RGB"
    assert picture.getpixel((50, 30)) == (255, 255, 255)


@pytest.mark.parametrize("javascript", [False, True])
@pytest.mark.parametrize(
    "markup",
    [
        "<body style='margin:0'><img src='art/green.svg'>",
        "<body style='margin:0'><img src='/art/green.svg?v=2' loading='lazy'>",
        "<body style='margin:0;background:url(art/green.svg)'>",
        "<link rel='stylesheet' href='style.css'><body>",
    ],
)
async def test_pictures_and_styles_beside_the_template_are_there_when_it_is_drawn(
    renderer: Renderer,
    make_job: Callable[..., RenderJob],
    opened: Any,
    markup: str,
    javascript: bool,
) -> None:
    assets = {
        "art/green.svg": ("image/svg+xml", GREEN_SVG),
        "style.css": ("text/css", b"body { background: url(art/green.svg) }"),
    }
    job = make_job(markup, assets=assets, javascript=javascript, id=f"art {markup}")
    for _ in range(2):  # once from the daemon, once from the warm page's memory
        assert opened(await renderer.render(job)).getpixel((30, 20)) == (0, 255, 0)


@pytest.mark.parametrize("javascript", [False, True])
async def test_a_font_beside_the_template_is_loaded_before_the_picture_is_taken(
    renderer: Renderer, make_job: Callable[..., RenderJob], opened: Any, javascript: bool
) -> None:
    markup = (
        "<link rel=stylesheet href='/_repaintd/fonts/fonts.css'>"
        "<body style='margin:0;font:40px/40px Block,serif'>A"
    )
    css = b"@font-face { font-family: Block; src: url(block.woff2) }"
    assets = {
        "_repaintd/fonts/fonts.css": ("text/css", css),
        "_repaintd/fonts/block.woff2": ("font/woff2", BLOCK_FONT),
    }
    job = make_job(markup, assets=assets, javascript=javascript, id="font")
    for _ in range(2):
        picture = opened(await renderer.render(job))
        assert picture.getpixel((3, 3)) == (0, 0, 0)
        assert picture.getpixel((37, 37)) == (0, 0, 0)
        assert picture.getpixel((45, 20)) == (255, 255, 255)


@pytest.mark.parametrize("path", ["art/gr%C3%BCn%20a.svg", "art/grün a.svg"])
async def test_assets_are_found_by_names_that_urls_must_escape(
    renderer: Renderer, make_job: Callable[..., RenderJob], opened: Any, path: str
) -> None:
    assets = {"art/grün a.svg": ("image/svg+xml", GREEN_SVG)}
    job = make_job(f"<body style='margin:0'><img src='{path}'>", assets=assets, id="names")
    assert opened(await renderer.render(job)).getpixel((30, 20)) == (0, 255, 0)


async def test_what_is_not_in_the_folder_is_told_once_at_debug(
    renderer: Renderer, make_job: Callable[..., RenderJob], logged: list[Any]
) -> None:
    markup = "<img src='missing.png'><img src='https://example.org/x.png'><img src='../../etc/x'>"
    await renderer.render(make_job(markup, id="missing"))
    (entry,) = [entry for entry in logged if "asked for things" in entry["event"]]
    assert (entry["level"], entry["template"], entry["requests"]) == ("debug", "missing", 2)
    assert sum("missing.png" in url for url in entry["some"]) == 1


async def test_a_template_without_scripts_runs_none(
    renderer: Renderer, make_job: Callable[..., RenderJob], opened: Any
) -> None:
    markup = (
        "<body style='background:#0f0' onload='document.body.style.background=\"#f00\"'>"
        "<script>document.body.style.background='#f00'</script>"
        "<img src=x onerror='document.body.style.background=\"#f00\"'>"
        "<svg onload='document.body.style.background=\"#f00\"'></svg>"
        "<iframe srcdoc='<script>parent.document.body.style.background=\"#f00\"</script>'></iframe>"
    )
    assert opened(await renderer.render(make_job(markup, width=600))).getpixel((590, 5)) == (
        0,
        255,
        0,
    )


async def test_a_template_with_scripts_draws_what_they_make_in_time(
    renderer: Renderer, make_job: Callable[..., RenderJob], opened: Any
) -> None:
    assets = {
        "lib.js": ("text/javascript", b"const paint = c => document.body.style.background = c;"),
        "data.json": ("application/json", b'{"colour": "#0f0"}'),
    }
    markup = (
        "<body><script src='lib.js'></script><script>"
        "fetch('data.json').then(r => r.json()).then(d =>"
        " requestAnimationFrame(() => setTimeout(() => paint(d.colour), 500)))</script>"
    )
    job = make_job(markup, assets=assets, javascript=True, id="scripted")
    assert opened(await renderer.render(job)).getpixel((50, 30)) == (0, 255, 0)


async def test_a_script_that_fails_is_told_at_debug(
    renderer: Renderer, make_job: Callable[..., RenderJob], logged: list[Any]
) -> None:
    await renderer.render(make_job("<script>nonsense()</script>", javascript=True, id="failing"))
    (entry,) = [entry for entry in logged if entry["event"] == "a script of the template failed"]
    assert (entry["level"], entry["template"]) == ("debug", "failing")
    assert "nonsense is not defined" in entry["error"]


async def test_pages_of_one_template_do_not_mix_up_their_data(
    renderer: Renderer, make_job: Callable[..., RenderJob], opened: Any
) -> None:
    colours = [(value, 255 - value, value // 2) for value in range(0, 250, 10)]
    jobs = [
        make_job(f"<body style='background:rgb{colour}'>", javascript=value % 5 == 0)
        for value, colour in enumerate(colours)
    ]
    images = await asyncio.gather(*map(renderer.render, jobs))
    assert [opened(image).getpixel((5, 5)) for image in images] == colours


async def test_probe_draws(renderer: Renderer) -> None:
    await renderer.probe()
