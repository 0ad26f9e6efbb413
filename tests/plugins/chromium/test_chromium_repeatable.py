"""Same data, same bytes."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.plugin import Renderer, RenderJob

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]

RESTLESS = """<!doctype html><title>t</title><style>
@keyframes spin { to { transform: rotate(360deg) } } @keyframes fade { from { opacity: 0 } }
.spin { animation: spin 1s infinite } .fade { animation: fade 9s }
div { background: #06f; width: 60px }
</style><div class=spin>spin</div><div class=fade>fade</div><input autofocus value=caret>
<svg width=90 height=30><rect width=20 height=20><animate attributeName=x to=70 dur=1s
repeatCount=indefinite /></rect></svg>"""
SCRIPTED = (
    RESTLESS
    + """<p id=p></p><script>
let n = 0; const tick = t => { n++; p.textContent = [n, t, Date.now(), performance.now(),
  Math.random(), new Date().getFullYear(), crypto.getRandomValues(new Uint32Array(2)),
  crypto.randomUUID()].join(' '); requestAnimationFrame(tick); }; tick(0);
setInterval(() => document.body.style.background = '#' + (n % 4096).toString(16), 7);
localStorage.n = 1 + Number(localStorage.n || 0); window.name += 'x';
document.cookie = 'n=1; max-age=99'; p.title = localStorage.n + window.name;
document.body.append(localStorage.n, window.name, document.cookie, history.length);
</script>"""
)


def frames() -> bytes:
    first, *others = [Image.new("RGB", (60, 40), colour) for colour in ("red", "lime", "blue")]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=20, loop=0)
    return file.getvalue()


@pytest.mark.parametrize("extension", ["png", "jpeg", "webp", "pdf"])
@pytest.mark.parametrize("javascript", [False, True])
async def test_bad_input_72_what_moves_by_itself_is_drawn_the_same_each_time(
    renderer: Renderer, make_job: Callable[..., RenderJob], extension: str, javascript: bool
) -> None:
    job = make_job(
        SCRIPTED if javascript else RESTLESS,
        javascript=javascript,
        format=extension,
        width=400,
        height=300,
        id="restless",
    )
    bodies = set()
    for _ in range(3):
        bodies.add((await renderer.render(job)).body)
        await asyncio.sleep(0.05)
    assert len(bodies) == 1


async def test_bad_input_72_an_animated_picture_shows_its_first_frame(
    renderer: Renderer, make_job: Callable[..., RenderJob], opened: Any
) -> None:
    job = make_job(
        "<body style='margin:0'><img src='a.gif'>", assets={"a.gif": ("image/gif", frames())}
    )
    for _ in range(3):
        assert opened(await renderer.render(job)).getpixel((30, 20)) == (255, 0, 0)
        await asyncio.sleep(0.03)


async def test_a_volatile_template_sees_the_real_clock_and_real_chance(
    renderer: Renderer, make_job: Callable[..., RenderJob]
) -> None:
    markup = "<p id=p></p><script>p.textContent = Date.now() + ' ' + Math.random()</script>"
    job = make_job(markup, javascript=True, volatile=True, width=400)
    assert (await renderer.render(job)).body != (await renderer.render(job)).body


async def test_bytes_are_the_same_after_a_restart_of_the_browser(
    bench: Any, renderer: Renderer, make_job: Callable[..., RenderJob]
) -> None:
    jobs = [
        make_job(SCRIPTED, javascript=True, format=extension, width=400, height=300, id="again")
        for extension in ("png", "jpeg", "webp", "pdf")
    ]
    before = [(await renderer.render(job)).body for job in jobs]
    async with bench.open() as other:
        assert [(await other.render(job)).body for job in jobs] == before
